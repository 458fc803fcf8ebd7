import { hash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { BEARER_CHALLENGE, invalidToken, missingToken, authUnavailable } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import { isRepeated } from '../credentials.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import type { IntrospectionSettings } from './introspection-schema.ts'
import type { IdentityClient } from '../identity-client.ts'
import { consumerOf } from '../claims.ts'

/** Longest header that is parsed, in characters. */
const LONGEST = 8192
const BEARER_SCHEME = /^Bearer(?: |$)/i
/** A bearer token of any kind (RFC 6750, section 2.1). */
const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i

/** Opaque bearer tokens, which the authorization server checks (RFC 7662). */
export class IntrospectionScheme implements AuthScheme {
  readonly name = 'introspection'
  readonly challenge = BEARER_CHALLENGE
  readonly credentials = { headers: ['authorization'] }
  readonly security = { type: 'http', scheme: 'bearer' }
  readonly #introspect: Introspect
  readonly #cacheForMs: number
  readonly #refusedForMs: number
  readonly #now: () => number
  readonly #valid: ExpiringCache<Consumer>
  /** Separate, so that a flood of invented tokens cannot evict the valid ones. */
  readonly #invalid: ExpiringCache<true>
  /** One lookup for all concurrent requests with a token. */
  readonly #asked = new Map<string, Promise<Consumer>>()

  constructor(
    settings: Pick<IntrospectionSettings, 'cacheFor' | 'refusedFor' | 'cacheSize'>,
    introspect: Introspect,
    now: () => number = Date.now,
  ) {
    this.#introspect = introspect
    this.#cacheForMs = milliseconds(settings.cacheFor)
    this.#refusedForMs = milliseconds(settings.refusedFor)
    this.#now = now
    this.#valid = new ExpiringCache(settings.cacheSize, now)
    this.#invalid = new ExpiringCache(settings.cacheSize, now)
  }

  isPresented({ headers: { authorization } }: AuthRequest): boolean {
    return authorization !== undefined && BEARER_SCHEME.test(authorization)
  }

  recall(request: AuthRequest): Consumer | null {
    const token = tokenOf(request)
    return token === null ? null : (this.#valid.get(keyOf(token)) ?? null)
  }

  authenticate(request: AuthRequest): Consumer | Promise<Consumer> {
    if (!this.isPresented(request)) throw missingToken()
    const token = tokenOf(request)
    if (token === null) throw refusal()
    const key = keyOf(token)
    if (this.#invalid.get(key)) throw refusal()
    return this.#valid.get(key) ?? this.#asked.get(key) ?? this.#ask(key, token)
  }

  #ask(key: string, token: string): Promise<Consumer> {
    const since = this.#now()
    const asked = this.#introspect(token)
      .then((found) => this.#remember(key, found, since))
      .finally(() => this.#asked.delete(key))
    this.#asked.set(key, asked)
    return asked
  }

  /** @param since  when the lookup started: the answer may be that old */
  #remember(key: string, found: ActiveToken | null, since: number): Consumer {
    if (found === null) {
      this.#invalid.set(key, true, since + this.#refusedForMs)
      throw refusal()
    }
    this.#valid.set(key, found.consumer, Math.min(found.expires, since + this.#cacheForMs))
    return found.consumer
  }
}

/** The same message whatever is wrong. */
const refusal = (): Error => invalidToken('it cannot be verified')

/** The token of a request; null for no token, several, or something that is not a bearer token. */
function tokenOf({ headers: { authorization = '' }, raw: { rawHeaders } }: AuthRequest): string | null {
  if (authorization.length > LONGEST || isRepeated(rawHeaders, 'authorization')) return null
  return BEARER.exec(authorization)?.[1] ?? null
}

const keyOf = (token: string): string => hash('sha256', token, 'base64')

/** Tolerance for `exp` and `nbf`, in milliseconds, for clocks that disagree. */
const CLOCK_TOLERANCE = 5000

/** A token that the authorization server reports as active. */
export interface ActiveToken {
  consumer: Consumer
  /** Its `exp` in milliseconds since 1970; Infinity without one. */
  expires: number
}

/**
 * Looks a token up; null when it is not valid.
 * @throws GatehouseError `GW_AUTH_UNAVAILABLE` without a well-formed response
 */
export type Introspect = (token: string) => Promise<ActiveToken | null>

/** The members of a response that are checked (RFC 7662, section 2.2). */
const TokenInformation = Type.Object({
  active: Type.Boolean(),
  exp: Type.Optional(Type.Number()),
  nbf: Type.Optional(Type.Number()),
  iss: Type.Optional(Type.String()),
  aud: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
})
type TokenInformation = Static<typeof TokenInformation>

/** Compiles the request to the introspection endpoint (RFC 7662, section 2.1). */
export function tokenIntrospection(
  settings: IntrospectionSettings,
  url: URL,
  client: Pick<IdentityClient, 'ask'>,
  now: () => number = Date.now,
): Introspect {
  const { clientId, clientSecret, clientAuth } = settings
  const accepted = { iss: [settings.issuer ?? []].flat(), aud: [settings.audience ?? []].flat() }
  const headers = ['accept', 'application/json', 'content-type', 'application/x-www-form-urlencoded']
  if (clientAuth === 'basic') {
    headers.push(
      'authorization',
      `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64')}`,
    )
  }
  const identification: Record<string, string> =
    clientAuth === 'post' ? { client_id: clientId, client_secret: clientSecret } : {}

  return async (token) => {
    const body = new URLSearchParams({ token, token_type_hint: 'access_token', ...identification }).toString()
    const answer = await client.ask(url, { method: 'POST', headers, body }).catch((error: unknown) => {
      throw authUnavailable(error)
    })
    if (answer.status !== 200) throw authUnavailable(new Error(`the introspection endpoint answered ${answer.status}`))
    const { information, consumer } = readAnswer(answer.body)
    if (consumer === null || !information.active || !isCurrent(information, now()) || !isBearer(information)) {
      return null
    }
    if (!isAmong(information.iss, accepted.iss) || !isAmong(information.aud, accepted.aud)) return null
    return { consumer, expires: (information.exp ?? Infinity) * 1000 }
  }
}

/** A malformed response is answered 503: it says nothing about the token of the client. */
function readAnswer(body: Buffer): { information: TokenInformation; consumer: Consumer | null } {
  try {
    // some servers send null instead of leaving a member out
    const members = Object.entries(JSON.parse(body.toString('utf8')) as object).filter(([, value]) => value !== null)
    const information: Record<string, unknown> = Object.fromEntries(members)
    if (Check(TokenInformation, information)) return { information, consumer: consumerOf(information, 'introspection') }
  } catch {
    // the message of the parser would quote the response, which may hold secrets
  }
  throw authUnavailable(new Error('the introspection endpoint answered something that RFC 7662 does not know'))
}

function isCurrent({ exp = Infinity, nbf = 0 }: TokenInformation, now: number): boolean {
  return now < exp * 1000 + CLOCK_TOLERANCE && now >= nbf * 1000 - CLOCK_TOLERANCE
}

/**
 * Whether it is a bearer token. Servers report refresh tokens as active too. A token bound to a key (RFC 9449, RFC
 * 8705) requires proof of possession, which is not supported here.
 */
function isBearer(information: object): boolean {
  const { token_type: type, token_use: use, typ, cnf } = information as Record<string, unknown>
  return (
    cnf === undefined && ![type, use, typ].some((word) => typeof word === 'string' && /^(?:refresh|dpop)/i.test(word))
  )
}

const isAmong = (value: string | string[] | undefined, accepted: readonly string[]): boolean =>
  accepted.length === 0 || [value ?? []].flat().some((item) => accepted.includes(item))

/** The encoding of client id and secret within Basic (RFC 6749, section 2.3.1 and appendix B). */
const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
