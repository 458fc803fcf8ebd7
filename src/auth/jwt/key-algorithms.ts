import type { KeyObject } from 'node:crypto'
import { BootProblems } from '../../errors.ts'
import type { JwtSettings } from './jwt-schema.ts'
import { pssAlgorithms } from './rsa-pss-key.ts'

export type JwtAlgorithmName = NonNullable<JwtSettings['algorithms']>[number]

/** Algorithms of a shared secret. */
export const SECRET_ALGORITHMS: readonly JwtAlgorithmName[] = ['HS256', 'HS384', 'HS512']

const CURVES: Record<string, JwtAlgorithmName> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
/** Bits; RFC 7518, section 3.3. */
const SMALLEST_RSA = 2048
/** Bits; past it a signature takes many milliseconds to check. */
const LARGEST_RSA = 16_384

/** @throws BootProblems, always */
export function refuseJwt(field: string, message: string): never {
  throw new BootProblems([{ file: 'configuration', field: `jwt${field}`, message }])
}

/** A key that no token may be verified with; the message says why. */
export class UnusableKey extends Error {}

/**
 * The algorithms (RFC 7518, RFC 8037) that a key is made for, the usual one first.
 * @throws UnusableKey when the key is too weak or of a kind that no algorithm uses
 */
export function possibleAlgorithms(key: KeyObject): readonly JwtAlgorithmName[] {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = 'an unnamed curve' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      if (modulusLength < SMALLEST_RSA) {
        throw new UnusableKey(`found an RSA key of ${modulusLength} bits: at least ${SMALLEST_RSA} are needed`)
      }
      if (modulusLength > LARGEST_RSA) {
        throw new UnusableKey(`found an RSA key of ${modulusLength} bits: at most ${LARGEST_RSA} are taken`)
      }
      // with 1 the signature is the padded hash itself, which everybody can make
      if (publicExponent < 3n || publicExponent % 2n === 0n) {
        throw new UnusableKey('found an RSA key whose exponent protects nothing')
      }
      if (key.asymmetricKeyType === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
      const algorithms = pssAlgorithms(key)
      if (algorithms.length === 0) {
        throw new UnusableKey('found an RSA-PSS key whose hash and salt fit none of PS256, PS384 and PS512')
      }
      return algorithms
    }
    case 'ec':
      if (!Object.hasOwn(CURVES, namedCurve)) {
        throw new UnusableKey(`found an EC key on ${namedCurve}: allowed are ${Object.keys(CURVES).join(', ')}`)
      }
      return [CURVES[namedCurve]!]
    case 'ed25519':
      return ['EdDSA']
    default:
      throw new UnusableKey(`found a key of type ${key.asymmetricKeyType}: allowed are RSA, EC and Ed25519`)
  }
}

/**
 * The algorithms of a key of the configuration.
 * @param field  where it stands, for the message: `.publicKey` or `.privateKey`
 * @throws BootProblems as `possibleAlgorithms` throws
 */
export function keyAlgorithms(key: KeyObject, field: string): readonly JwtAlgorithmName[] {
  try {
    return possibleAlgorithms(key)
  } catch (error) {
    if (error instanceof UnusableKey) refuseJwt(field, error.message)
    throw error
  }
}

/**
 * What the configuration lets through of the algorithms of a key.
 * @param at  where its settings stand below `jwt`, such as `.issuers[0]`
 * @throws BootProblems when `algorithms` names one that the key cannot be used with
 */
export function narrowed(
  possible: readonly JwtAlgorithmName[],
  { algorithms }: Pick<JwtSettings, 'algorithms'>,
  keyField: string,
  at = '',
): readonly JwtAlgorithmName[] {
  const strange = algorithms?.filter((algorithm) => !possible.includes(algorithm)) ?? []
  if (strange.length > 0) {
    refuseJwt(
      `${at}.algorithms`,
      `found ${strange.join(', ')}, which cannot be used with jwt${at}${keyField}: it allows ${possible.join(', ')}`,
    )
  }
  return algorithms === undefined ? possible : possible.filter((algorithm) => algorithms.includes(algorithm))
}
