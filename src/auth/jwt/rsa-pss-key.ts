import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

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
