import type { IncomingHttpHeaders } from 'node:http'
import { milliseconds } from '../units.ts'
import type { Consumer, JwtSettings } from './auth-schema.ts'
import { invalidToken, missingToken } from './challenge.ts'
import { consumerOf } from './consumer.ts'
import { TokenCache, type VerifiedToken } from './token-cache.ts'

/** Longest token that is looked at, in characters; real ones are far shorter. */
const LONGEST = 8192
const SCHEME = 'Bearer '
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

/** Finds out who calls, from the `Authorization` header (RFC 6750, section 2.1). */
export class TokenVerifier {
  readonly #verify: VerifySignature
  readonly #cache: TokenCache
  /** What each connection has shown last: most clients send one token again and again, and comparing is cheaper than hashing. */
  readonly #shown = new WeakMap<object, { authorization: string, token: VerifiedToken }>()

  readonly #remembers: boolean

  constructor (settings: Pick<JwtSettings, 'cacheSize' | 'clockTolerance'>, verify: VerifySignature, now?: () => number) {
    this.#verify = verify
    this.#remembers = settings.cacheSize > 0
    this.#cache = new TokenCache(settings.cacheSize, milliseconds(settings.clockTolerance), now)
  }

  /**
   * @param rawHeaders  name, value, name, value as they came: Node keeps the first of several `Authorization` headers only
   * @param connection  the socket, or whatever stands for one client; without it nothing is compared
   * @throws GatehouseError `GW_UNAUTHORIZED`
   */
  consumer ({ authorization }: IncomingHttpHeaders, rawHeaders: readonly string[] = [], connection?: object): Consumer {
    if (authorization === undefined) throw missingToken()
    if (typeof authorization !== 'string' || isRepeated(rawHeaders)) throw invalidToken('there is more than one')
    const shown = connection && this.#shown.get(connection)
    if (shown !== undefined && shown.authorization === authorization && this.#cache.isCurrent(shown.token)) return shown.token.consumer
    const token = this.#verified(authorization)
    if (connection && this.#remembers) this.#shown.set(connection, { authorization, token })
    return token.consumer
  }

  #verified (authorization: string): VerifiedToken {
    // the way of nearly every request: the header as a whole is that of a token that has been verified
    if (authorization.startsWith(SCHEME) && authorization.length <= SCHEME.length + LONGEST) {
      const known = this.#cache.get(authorization.slice(SCHEME.length))
      if (known !== null) return known
    }
    const token = tokenOf(authorization)
    const known = this.#cache.get(token)
    if (known !== null) return known
    return this.#cache.set(token, this.#check(token))
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
  if (!/^Bearer(?: |$)/i.test(authorization)) throw missingToken()
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
