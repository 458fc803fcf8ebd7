import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import type { JwtSettings } from './jwt-schema.ts'
import { BEARER_CHALLENGE, invalidToken, missingToken } from '../challenge.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import { consumerOf } from './token-consumer.ts'
import { TokenCache, type VerifiedToken } from './token-cache.ts'

/** Longest token that is looked at, in characters; real ones are far shorter. */
const LONGEST = 8192
const SCHEME = 'Bearer '
const BEARER_SCHEME = /^Bearer(?: |$)/i
const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i

const REASONS: Record<string, string> = {
  FAST_JWT_EXPIRED: 'it has expired',
  FAST_JWT_INACTIVE: 'it is not valid yet',
  FAST_JWT_INVALID_ALGORITHM: 'its algorithm is not accepted',
  FAST_JWT_INVALID_CLAIM_VALUE: 'its issuer or audience is not accepted',
  FAST_JWT_MISSING_REQUIRED_CLAIM: 'a required claim is missing',
}

/** Checks signature and claims and returns the claims; throws otherwise. */
export type VerifySignature = (token: string) => Record<string, unknown>

/** Bearer tokens that are JWTs, in the `Authorization` header (RFC 6750, section 2.1). */
export class JwtScheme implements AuthScheme {
  readonly name = 'jwt'
  readonly challenge = BEARER_CHALLENGE
  readonly credentials = { headers: ['authorization'] }
  readonly security = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
  readonly #verify: VerifySignature
  readonly #cache: TokenCache
  readonly #remembers: boolean
  /** What each connection has shown last: most clients send one token again and again, and comparing is cheaper than hashing. */
  readonly #shown = new WeakMap<object, { authorization: string, token: VerifiedToken }>()

  constructor (settings: Pick<JwtSettings, 'cacheSize' | 'clockTolerance'>, verify: VerifySignature, now?: () => number) {
    this.#verify = verify
    this.#remembers = settings.cacheSize > 0
    this.#cache = new TokenCache(settings.cacheSize, milliseconds(settings.clockTolerance), now)
  }

  isPresented ({ headers: { authorization } }: AuthRequest): boolean {
    return typeof authorization === 'string' && BEARER_SCHEME.test(authorization)
  }

  /** The way of nearly every request: the header as a whole is that of a token that has been verified. */
  recall ({ headers: { authorization }, raw: { rawHeaders, socket } }: AuthRequest): Consumer | null {
    if (!this.#remembers || typeof authorization !== 'string' || !authorization.startsWith(SCHEME) || authorization.length > SCHEME.length + LONGEST || isRepeated(rawHeaders)) return null
    const shown = socket && this.#shown.get(socket)
    if (shown !== undefined && shown.authorization === authorization && this.#cache.isCurrent(shown.token)) return shown.token.consumer
    const token = this.#cache.get(authorization.slice(SCHEME.length))
    if (token === null) return null
    if (socket) this.#shown.set(socket, { authorization, token })
    return token.consumer
  }

  /** Node keeps the first of several `Authorization` headers only; the raw ones tell whether there were more. */
  authenticate ({ headers: { authorization }, raw: { rawHeaders } }: AuthRequest): Consumer {
    if (authorization === undefined) throw missingToken()
    if (typeof authorization !== 'string' || isRepeated(rawHeaders)) throw invalidToken('there is more than one')
    const token = tokenOf(authorization)
    return (this.#cache.get(token) ?? this.#cache.set(token, this.#check(token))).consumer
  }

  #check (token: string): Consumer {
    let claims
    try {
      if (hasCriticalHeader(token)) throw new Error('critical header')
      claims = this.#verify(token)
    } catch (error) {
      throw invalidToken(REASONS[(error as { code?: string }).code ?? ''] ?? 'it cannot be verified', error)
    }
    const consumer = consumerOf(claims)
    if (consumer === null) throw invalidToken('it does not say whose it is')
    return consumer
  }
}

/** The token of a header; whoever uses another scheme has not sent one. */
function tokenOf (authorization: string): string {
  if (!BEARER_SCHEME.test(authorization)) throw missingToken()
  // sparing the pattern, and all that comes after it, what no client of good will sends
  if (authorization.length > 2 * LONGEST) throw invalidToken('it is too long')
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined) throw invalidToken('it is not a bearer token in its usual form')
  if (token.length > LONGEST) throw invalidToken('it is too long')
  return token
}

function isRepeated (rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // the length first: it spares the copy in small letters of nearly every name
    if (rawHeaders[i]!.length !== 13 || rawHeaders[i]!.toLowerCase() !== 'authorization') continue
    if (seen) return true
    seen = true
  }
  return false
}

/**
 * No extension is understood here, so a token that demands one is refused (RFC 7515, section 4.1.11). The library below
 * lets a `crit` pass that is null or otherwise false.
 */
function hasCriticalHeader (token: string): boolean {
  const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8')) as object
  return Object.hasOwn(header, 'crit')
}
