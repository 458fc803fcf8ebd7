import type { IncomingHttpHeaders } from 'node:http'
import { milliseconds } from '../units.ts'
import type { Consumer, JwtSettings } from './auth-schema.ts'
import { invalidToken, missingToken } from './challenge.ts'
import { consumerOf } from './consumer.ts'
import { TokenCache } from './token-cache.ts'

/** Longest token that is looked at, in characters; real ones are far shorter. */
const LONGEST = 8192
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

  constructor (settings: JwtSettings, verify: VerifySignature, now?: () => number) {
    this.#verify = verify
    this.#cache = new TokenCache(settings.cacheSize, milliseconds(settings.clockTolerance), now)
  }

  /** @throws GatehouseError `GW_UNAUTHORIZED` */
  consumer (headers: IncomingHttpHeaders): Consumer {
    const { authorization } = headers
    if (authorization === undefined) throw missingToken()
    const token = authorization.length <= LONGEST ? BEARER.exec(authorization)?.[1] : undefined
    if (token === undefined) throw invalidToken('it is not a bearer token in its usual form')
    const known = this.#cache.get(token)
    if (known !== null) return known
    const consumer = this.#check(token)
    this.#cache.set(token, consumer)
    return consumer
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

/** No extension is understood here, so a token that demands one is refused (RFC 7515, section 4.1.11). */
function hasCriticalHeader (token: string): boolean {
  const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8')) as object
  return Object.hasOwn(header, 'crit')
}
