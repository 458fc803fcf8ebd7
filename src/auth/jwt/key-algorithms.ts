import { type KeyObject, createPrivateKey, createPublicKey } from 'node:crypto'
import { configurationProblem } from '../../errors.ts'
import type { JwtSettings } from './jwt-schema.ts'

export type JwtAlgorithmName = NonNullable<JwtSettings['algorithms']>[number]

/** Algorithms of a shared secret. */
export const SECRET_ALGORITHMS: readonly JwtAlgorithmName[] = ['HS256', 'HS384', 'HS512']

const CURVES: Record<string, JwtAlgorithmName> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
/** Bits; RFC 7518, section 3.3. */
const SMALLEST_RSA = 2048
/** Bits; checking a signature with a longer key takes many milliseconds. */
const LARGEST_RSA = 16_384

/** @throws BootProblems, always */
export function refuseJwt(field: string, message: string): never {
  throw configurationProblem(`jwt${field}`, message)
}

/** Thrown for a key that must not be used; the message says why. */
export class UnusableKey extends Error {}

/**
 * The algorithms (RFC 7518, RFC 8037) that fit a key, the usual one first.
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
      // with exponent 1 the signature is the padded hash itself, which everybody can compute
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
 * The algorithms that fit a key of the configuration.
 * @param field  its field, for the message: `.publicKey` or `.privateKey`
 * @throws BootProblems when the key must not be used
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
 * Those algorithms of a key that the configuration accepts.
 * @param at  path of its settings below `jwt`, such as `.issuers[0]`
 * @throws BootProblems when `algorithms` names one that does not fit the key
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

type PssAlgorithm = 'PS256' | 'PS384' | 'PS512'

const HASH_BYTES: Record<string, number> = { sha256: 32, sha384: 48, sha512: 64 }

/**
 * The algorithms of a key that is restricted to RSASSA-PSS (RFC 4055, section 3.1). Its parameters are respected: a key
 * restricted to SHA-256 fits PS256 only. The salt of a JWS is as long as its hash (RFC 7518, section 3.5).
 */
export function pssAlgorithms({ asymmetricKeyDetails = {} }: KeyObject): PssAlgorithm[] {
  const { hashAlgorithm, mgf1HashAlgorithm, saltLength = 0 } = asymmetricKeyDetails
  return Object.keys(HASH_BYTES)
    .filter(
      (hash) =>
        [hashAlgorithm ?? hash, mgf1HashAlgorithm ?? hash].every((bound) => bound === hash) &&
        saltLength <= HASH_BYTES[hash]!,
    )
    .map((hash) => `PS${hash.slice(3)}` as PssAlgorithm)
}

/**
 * Converts an RSASSA-PSS key to a plain RSA key with the same numbers, as PEM, since @fastify/jwt does not know the
 * former. This drops the restrictions of the key, so callers must apply `pssAlgorithms`.
 */
export function plainRsaPem(key: KeyObject): string {
  return key.type === 'private'
    ? (createPrivateKey({
        key: lastPart(key.export({ type: 'pkcs8', format: 'der' })),
        format: 'der',
        type: 'pkcs1',
      }).export({ type: 'pkcs8', format: 'pem' }) as string)
    : // the first byte of a BIT STRING is the number of its unused bits
      (createPublicKey({
        key: lastPart(key.export({ type: 'spki', format: 'der' })).subarray(1),
        format: 'der',
        type: 'pkcs1',
      }).export({ type: 'spki', format: 'pem' }) as string)
}

/**
 * The content of the last element of a DER sequence. In SPKI (RFC 5280) and PKCS #8 (RFC 5208) that is the key in PKCS
 * #1 form.
 */
function lastPart(der: Buffer): Buffer {
  const outer = content(der, 0)
  let part = outer
  for (let at = outer.start; at < outer.end; at = part.end) part = content(der, at)
  return der.subarray(part.start, part.end)
}

function content(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1]!
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const lengthBytes = first & 0x7f
  const start = at + 2 + lengthBytes
  return { start, end: start + der.readUIntBE(at + 2, lengthBytes) }
}
