import { constants, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'

/** Bits; what today's rules ask of RSA. */
const SMALLEST_RSA = 2048

/** Checks signatures of one key with the one algorithm that it is made for (RFC 9421, section 3.3). */
export interface SignatureVerifier {
  /** Name in the registry of RFC 9421, section 6.2. */
  algorithm: string
  verify(base: Buffer, signature: Buffer): boolean
}

export const secretVerifier = (secret: string | Buffer): SignatureVerifier => ({
  algorithm: 'hmac-sha256',
  verify(base, signature) {
    const expected = createHmac('sha256', secret).update(base).digest()
    return signature.length === expected.length && timingSafeEqual(expected, signature)
  },
})

/** @returns why the key cannot be used, in words, when it cannot */
export function publicKeyVerifier(pem: string): SignatureVerifier | string {
  if (/PRIVATE KEY-----/.test(pem)) return 'is a private key: the gateway needs and should have the public one only'
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    return 'is not a public key in PEM form ("-----BEGIN PUBLIC KEY-----")'
  }
  const {
    modulusLength = 0,
    publicExponent = 0n,
    namedCurve,
    hashAlgorithm = 'sha512',
    saltLength = 0,
  } = key.asymmetricKeyDetails ?? {}
  const type = key.asymmetricKeyType
  if (type === 'ed25519') {
    return { algorithm: 'ed25519', verify: (base, signature) => verify(null, base, key, signature) }
  }
  if (type === 'ec' && namedCurve === 'prime256v1') {
    return {
      algorithm: 'ecdsa-p256-sha256',
      verify: (base, signature) =>
        signature.length === 64 && verify('sha256', base, { key, dsaEncoding: 'ieee-p1363' }, signature),
    }
  }
  if (type === 'rsa' || type === 'rsa-pss') {
    if (modulusLength < SMALLEST_RSA) {
      return `is an RSA key of ${modulusLength} bits: at least ${SMALLEST_RSA} are needed`
    }
    // with 1 the signature is the padded hash itself, which everybody can make
    if (publicExponent < 3n || hashAlgorithm !== 'sha512' || saltLength > 64) {
      return 'is an RSA key that cannot be used for rsa-pss-sha512'
    }
    return {
      algorithm: 'rsa-pss-sha512',
      verify: (base, signature) =>
        verify('sha512', base, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, signature),
    }
  }
  return `is a key of type ${namedCurve ?? type}: allowed are Ed25519, P-256 and RSA`
}
