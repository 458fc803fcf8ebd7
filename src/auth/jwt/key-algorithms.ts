import { type KeyObject, createPrivateKey, createPublicKey } from 'node:crypto'
import { BootProblems } from '../../errors.ts'
import type { JwtSettings } from './jwt-schema.ts'

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

type PssAlgorithm = 'PS256' | 'PS384' | 'PS512'

const HASH_BYTES: Record<string, number> = { sha256: 32, sha384: 48, sha512: 64 }

/**
 * Algorithms of a key that is marked for RSASSA-PSS alone (RFC 4055, section 3.1). Its own restrictions count: a key
 * bound to SHA-256 makes PS256 only, and a JWS salt is exactly as long as its hash (RFC 7518, section 3.5).
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
 * The same RSA numbers under the plain RSA identifier, as PEM: the library of the tokens does not know the identifier
 * of RSASSA-PSS. The restrictions of the key are lost on the way, so `pssAlgorithms` must have narrowed the algorithms.
 */
export function plainRsaPem(key: KeyObject): string {
  return key.type === 'private'
    ? (createPrivateKey({
        key: lastPart(key.export({ type: 'pkcs8', format: 'der' })),
        format: 'der',
        type: 'pkcs1',
      }).export({ type: 'pkcs8', format: 'pem' }) as string)
    : // a BIT STRING starts with the number of its unused bits
      (createPublicKey({
        key: lastPart(key.export({ type: 'spki', format: 'der' })).subarray(1),
        format: 'der',
        type: 'pkcs1',
      }).export({ type: 'spki', format: 'pem' }) as string)
}

/**
 * Content of the last element of a DER sequence; there, SPKI (RFC 5280) and PKCS #8 (RFC 5208) hold the key in PKCS #1
 * form.
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
