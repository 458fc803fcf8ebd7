import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { invalidToken } from '../challenge.ts'
import type { JwtIssuer, JwtSettings } from './jwt-schema.ts'
import type { JwtAlgorithmName } from './key-algorithms.ts'
import type { KeySource, VerificationKey } from './verification-key.ts'
import { consumerOf } from '../claims.ts'
import { tokenParts, type TokenParts } from './token-parts.ts'

/** An issuer with its keys and the rules for its tokens. */
export interface TrustedIssuer
  extends Pick<JwtSettings, 'issuer' | 'audience' | 'typ' | 'maxAge' | 'claims'>, Pick<JwtIssuer, 'idPrefix'> {
  keys: KeySource
}

/** The options of `verify` in @fastify/jwt that are used here. */
export interface VerifyOptions {
  key: string | Buffer
  algorithms: JwtAlgorithmName[]
  allowedIss?: string | string[]
  allowedAud?: string | string[]
  requiredClaims?: string[]
  checkTyp?: string
  /** Seconds. */
  maxAge?: number
  /** Milliseconds. */
  clockTolerance: number
}

/** Checks signature and claims, and returns the claims. Throws when one of them is wrong. */
export type VerifySignature = (token: string, options: VerifyOptions) => Record<string, unknown>

/** A token that has been verified. */
export interface VerifiedToken {
  consumer: Consumer
  /** Milliseconds since 1970 from and until which it is valid, clock tolerance included. */
  from: number
  until: number
  /** The token is no longer valid once this key is retired. */
  key: VerificationKey
}

/** For example after a change of the secret, or for a token of another gateway. */
const OTHER_KEY = 'it is signed with another key than this gateway knows, or was changed after it was signed'

const REASONS: Record<string, string> = {
  FAST_JWT_INVALID_SIGNATURE: OTHER_KEY,
  GATEHOUSE_NO_KEY: OTHER_KEY,
  FAST_JWT_EXPIRED: 'it has expired',
  FAST_JWT_INACTIVE: 'it is not valid yet',
  FAST_JWT_INVALID_ALGORITHM: 'its algorithm is not accepted',
  FAST_JWT_INVALID_TYPE: 'its type is not accepted',
  FAST_JWT_INVALID_CLAIM_VALUE: 'its issuer or audience is not accepted',
  FAST_JWT_MISSING_REQUIRED_CLAIM: 'a required claim is missing',
}
/** Errors after which another key is tried. */
const WRONG_KEY = ['FAST_JWT_INVALID_SIGNATURE', 'FAST_JWT_VERIFY_ERROR']

const coded = (code: string): Error => Object.assign(new Error(code), { code })

/**
 * Verifies tokens with the keys and rules of their issuer. @fastify/jwt checks signature, times, issuer, audience and
 * type; beside it stand a strict parser (`token-parts`), the choice of issuer and key, and `cnf`.
 */
export class TokenVerifier {
  readonly #issuers: readonly TrustedIssuer[]
  readonly #verify: VerifySignature
  readonly #toleranceMs: number
  readonly #now: () => number

  /** @param issuers  one for all tokens, or several that the `iss` of a token selects */
  constructor(
    issuers: readonly TrustedIssuer[],
    { clockTolerance }: Pick<JwtSettings, 'clockTolerance'>,
    verify: VerifySignature,
    now: () => number = Date.now,
  ) {
    this.#issuers = issuers
    this.#verify = verify
    this.#toleranceMs = milliseconds(clockTolerance)
    this.#now = now
  }

  /**
   * @returns a promise only when keys have to be fetched
   * @throws GatehouseError `GW_UNAUTHORIZED` when the token is not valid, `GW_AUTH_UNAVAILABLE` when its keys are not
   *   available
   */
  verify(token: string): VerifiedToken | Promise<VerifiedToken> {
    const parts = this.#read(token)
    const issuer = this.#issuerOf(parts)
    const keys = issuer.keys.current()
    return keys instanceof Promise
      ? keys.then((fetched) => this.#judge(token, parts, issuer, fetched))
      : this.#judge(token, parts, issuer, keys)
  }

  #read(token: string): TokenParts {
    try {
      return tokenParts(token)
    } catch (error) {
      throw refusal(error)
    }
  }

  #issuerOf({ claims: { iss } }: TokenParts): TrustedIssuer {
    if (this.#issuers.length === 1) return this.#issuers[0]!
    const issuer = this.#issuers.find(({ issuer }) => issuer === iss)
    if (issuer === undefined) throw refusal(coded('FAST_JWT_INVALID_CLAIM_VALUE'))
    return issuer
  }

  #judge(
    token: string,
    parts: TokenParts,
    issuer: TrustedIssuer,
    keys: readonly VerificationKey[],
  ): VerifiedToken | Promise<VerifiedToken> {
    const wrongKey = this.#try(token, parts, issuer, keys)
    if (!(wrongKey instanceof Error)) return wrongKey
    // if the key with the kid of the token is known, fetching the keys again cannot help
    const renewed = keys.some(({ kid }) => kid !== undefined && kid === parts.kid) ? null : issuer.keys.renewed?.()
    if (!renewed) throw refusal(wrongKey)
    return renewed.then((fresh) => {
      const found = this.#try(token, parts, issuer, fresh)
      if (found instanceof Error) throw refusal(found)
      return found
    })
  }

  /** @returns an error when no key fits; everything else that is wrong is thrown */
  #try(
    token: string,
    { alg, kid }: TokenParts,
    issuer: TrustedIssuer,
    keys: readonly VerificationKey[],
  ): VerifiedToken | Error {
    const named = keysFor(kid, keys)
    const fitting = named.filter(({ algorithms }) => (algorithms as string[]).includes(alg))
    let wrongKey =
      named.length > 0 && fitting.length === 0 ? coded('FAST_JWT_INVALID_ALGORITHM') : coded('GATEHOUSE_NO_KEY')
    for (const key of fitting) {
      try {
        return this.#admit(this.#verify(token, this.#optionsFor(key, issuer)), key, issuer)
      } catch (error) {
        if (!WRONG_KEY.includes((error as { code?: string }).code ?? '')) throw refusal(error)
        wrongKey = error as Error
      }
    }
    return wrongKey
  }

  #optionsFor({ key, algorithms }: VerificationKey, { issuer, audience, typ, maxAge }: TrustedIssuer): VerifyOptions {
    const required = [
      ...(issuer === undefined ? [] : ['iss']),
      ...(audience === undefined ? [] : ['aud']),
      ...(maxAge === undefined ? [] : ['iat']),
    ]
    return {
      key,
      algorithms,
      allowedIss: issuer,
      allowedAud: audience,
      checkTyp: typ,
      clockTolerance: this.#toleranceMs,
      ...(required.length === 0 ? {} : { requiredClaims: required }),
      ...(maxAge === undefined ? {} : { maxAge: (milliseconds(maxAge) + this.#toleranceMs) / 1000 }),
    }
  }

  #admit(
    claims: Record<string, unknown>,
    key: VerificationKey,
    { maxAge, claims: paths, idPrefix }: TrustedIssuer,
  ): VerifiedToken {
    const { exp = Infinity, nbf = 0, iat = Infinity } = claims as { exp?: number; nbf?: number; iat?: number }
    // an `iat` in the future would extend the maximum age
    if (maxAge !== undefined && iat * 1000 > this.#now() + this.#toleranceMs) throw coded('FAST_JWT_INACTIVE')
    // bound to a key of the client (RFC 7800), whose proof of possession is not supported here
    if (claims.cnf !== undefined && claims.cnf !== null) throw new Error('bound to a key')
    const consumer = consumerOf(claims, 'jwt', paths, idPrefix)
    if (consumer === null) throw invalidToken('it does not say whose it is')
    return {
      consumer,
      key,
      from: nbf * 1000 - this.#toleranceMs,
      until:
        Math.min(exp * 1000, maxAge === undefined ? Infinity : iat * 1000 + milliseconds(maxAge)) + this.#toleranceMs,
    }
  }
}

/** The keys with the kid of the token, else those without a kid; every key when the token has no kid. */
function keysFor(kid: string | undefined, keys: readonly VerificationKey[]): readonly VerificationKey[] {
  if (kid === undefined) return keys
  const named = keys.filter((key) => key.kid === kid)
  return named.length > 0 ? named : keys.filter((key) => key.kid === undefined)
}

function refusal(error: unknown): Error {
  const { code = '' } = error as { code?: string }
  return code === 'GW_UNAUTHORIZED' ? (error as Error) : invalidToken(REASONS[code] ?? 'it cannot be verified', error)
}
