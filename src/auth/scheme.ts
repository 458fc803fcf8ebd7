import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Consumer, SchemeName } from './auth-schema.ts'
import type { ContentDigest } from './http-signature/content-digest.ts'

/** What of a request a scheme may look at. */
export interface AuthRequest {
  headers: IncomingHttpHeaders
  /** The client's address. */
  ip: string
  /** `https` or `http`, as the client has it. */
  protocol?: string
  /** Host and port as the client has them. */
  host?: string
  /** Left here by a scheme: values of `Set-Cookie` for the answer. */
  setCookie?: readonly string[] | null
  /**
   * The request is only talked about (`gatehouse explain`): whatever it shows is neither used up nor remembered, so
   * that asking has no effect on later requests.
   */
  isExplained?: boolean
  /** The target as it came, before it got its canonical form. */
  originalUrl?: string
  /** Left here by a scheme: what the digests of the body must be, which is yet to come. */
  contentDigest?: ContentDigest | null
  raw: { rawHeaders: readonly string[]; method?: string; url?: string; socket?: FastifyRequest['raw']['socket'] }
}

/** Where credentials stand, so that they can be kept from the upstream. */
export interface CredentialPlaces {
  headers?: readonly string[]
  cookies?: readonly string[]
  /** Parameters of the query. */
  query?: readonly string[]
}

/** One way to authenticate, made at boot when it is configured. */
export interface AuthScheme {
  readonly name: SchemeName
  /** What `WWW-Authenticate` says about it (RFC 9110, section 11.6.1); absent for schemes that have no such form. */
  readonly challenge?: string
  readonly credentials: CredentialPlaces
  /** Its Security Scheme Object (OpenAPI 3.1); absent when OpenAPI has no word for it. */
  readonly security?: Readonly<Record<string, unknown>>
  /**
   * Whether browsers add its credentials by themselves to requests that pages of other origins make, other than in the
   * cookies that `credentials` names: a password that was entered once, a certificate, cookies that only another
   * service knows. Such pages must open no WebSocket. Default: false.
   */
  readonly isAmbient?: boolean
  /**
   * Whether its credentials are sessions that the gateway has made itself. They are of use to nobody else, so no
   * upstream gets them, also not with `forwardCredentials`. Default: false.
   */
  readonly isSession?: boolean
  /** Whether a list of schemes asks it also about requests without credentials of its kind. Default: false. */
  readonly asksStrangers?: boolean
  /**
   * Whether its credentials cannot be guessed and cost next to nothing to refuse, as encrypted cookies. Wrong ones are
   * not counted as failed attempts. Default: false.
   */
  readonly unguessable?: boolean
  /** Whether the request carries credentials of this kind, good or bad. Looks only. */
  isPresented(request: AuthRequest): boolean
  /** Who calls, when that is known without any work; null otherwise. */
  recall?(request: AuthRequest): Consumer | null
  /**
   * The account that the credentials are for, known or not, in one spelling: failed attempts are counted by it. Null
   * when the credentials name none. Absent for schemes without accounts.
   */
  account?(request: AuthRequest): string | null
  /**
   * Finds out who calls.
   * @throws GatehouseError `GW_UNAUTHORIZED`, in the same words whatever is wrong with the credentials
   */
  authenticate(request: AuthRequest): Consumer | Promise<Consumer>
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The schemes that are configured, by name. */
    authSchemes: Map<SchemeName, AuthScheme>
  }
}
