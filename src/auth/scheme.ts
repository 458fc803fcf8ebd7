import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Consumer, SchemeName } from './auth-schema.ts'
import type { ContentDigest } from './http-signature/content-digest.ts'

/** The part of a request that schemes see. */
export interface AuthRequest {
  headers: IncomingHttpHeaders
  /** The client's address. */
  ip: string
  /** `https` or `http`, as the client sees it. */
  protocol?: string
  /** Host and port, as the client sees them. */
  host?: string
  /** Set by a scheme: values of `Set-Cookie` for the response. */
  setCookie?: readonly string[] | null
  /**
   * True for the imagined request of `gatehouse explain`. It must not change any state: no nonce is used up, no session
   * refreshed, no decision cached.
   */
  isExplained?: boolean
  /** The request target as it arrived, before canonicalization. */
  originalUrl?: string
  /** Set by a scheme: the digests that the body must have, which has not arrived yet. */
  contentDigest?: ContentDigest | null
  raw: { rawHeaders: readonly string[]; method?: string; url?: string; socket?: FastifyRequest['raw']['socket'] }
}

/** Where credentials are found, so that they can be removed before the request is forwarded. */
export interface CredentialPlaces {
  headers?: readonly string[]
  cookies?: readonly string[]
  /** Query parameters. */
  query?: readonly string[]
}

/** A way to authenticate, such as JWT or API keys. Built at boot when it is configured. */
export interface AuthScheme {
  readonly name: SchemeName
  /** Its challenge in `WWW-Authenticate` (RFC 9110, section 11.6.1); absent for schemes without one. */
  readonly challenge?: string
  readonly credentials: CredentialPlaces
  /** Its Security Scheme Object (OpenAPI 3.1); absent when OpenAPI has no type for it. */
  readonly security?: Readonly<Record<string, unknown>>
  /**
   * Whether browsers attach its credentials to cross-origin requests by themselves, in another way than the cookies
   * that `credentials` names: a Basic password, a client certificate, cookies that only a forward-auth service knows.
   * Pages of other origins may then not open a WebSocket. Default: false.
   */
  readonly isAmbient?: boolean
  /**
   * Whether its credentials are sessions that the gateway issues itself. They are never forwarded, not even with
   * `forwardCredentials`. Default: false.
   */
  readonly isSession?: boolean
  /**
   * Whether it also decides about requests without credentials, when no scheme of a list finds any: to redirect to a
   * login page, for example. Default: false.
   */
  readonly acceptsAnonymous?: boolean
  /**
   * Whether its credentials cannot be guessed and are cheap to refuse, such as encrypted cookies. Wrong ones do not
   * count as failed attempts. Default: false.
   */
  readonly unguessable?: boolean
  /** Whether the request carries credentials of this kind, valid or not. Has no side effects. */
  isPresented(request: AuthRequest): boolean
  /** The consumer, if its credentials have been verified before and still hold; null otherwise. */
  recall?(request: AuthRequest): Consumer | null
  /**
   * The account name in the credentials, normalized, whether or not such an account exists: failed attempts are counted
   * by it. Null when the credentials name none. Absent for schemes without accounts.
   */
  account?(request: AuthRequest): string | null
  /**
   * Verifies the credentials.
   * @throws GatehouseError `GW_UNAUTHORIZED`, with the same message whatever is wrong with them
   */
  authenticate(request: AuthRequest): Consumer | Promise<Consumer>
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The configured schemes by name. */
    authSchemes: Map<SchemeName, AuthScheme>
  }
}
