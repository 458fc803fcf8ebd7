import { constants, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { BootProblems, type Problem } from '../../errors.ts'
import type { SignatureKey } from './http-signature-schema.ts'
import type { Consumer } from '../auth-schema.ts'
import { configuredConsumer } from '../claims.ts'

/** A key with its consumer. */
export interface KnownKey {
  verifier: SignatureVerifier
  consumer: Consumer
}

/** Fewest characters of a secret. */
const SHORTEST = 32

/**
 * The keys of the configuration by their `keyid`.
 * @param keys  with the content of their files filled in
 * @throws BootProblems with every key that cannot be used; no message shows a secret
 */
export function compileKeys(keys: readonly SignatureKey[]): Map<string, KnownKey> {
  const problems: Problem[] = []
  const known = new Map<string, KnownKey>()
  keys.forEach((key, i) => {
    const verifier = verifierOf(key)
    const problem = known.has(key.keyid)
      ? `found the keyid "${key.keyid}", which another key has too: change one of them`
      : typeof verifier === 'string'
        ? verifier
        : null
    if (problem !== null) problems.push({ file: 'configuration', field: `signatures.keys[${i}]`, message: problem })
    else known.set(key.keyid, { verifier: verifier as SignatureVerifier, consumer: consumerOf(key) })
  })
  if (problems.length > 0) throw new BootProblems(problems)
  return known
}

function verifierOf({ secret, secretFile, publicKey, publicKeyFile }: SignatureKey): SignatureVerifier | string {
  if ([secretFile ?? secret, publicKeyFile ?? publicKey].filter((way) => way !== undefined).length !== 1) {
    return 'needs one key: a secret or a public key, in the configuration or in a file'
  }
  if (secret === undefined) return publicKeyVerifier(publicKey!)
  // a public key as a secret would let everybody who has it sign
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(secret)) return 'has a key of a key pair for its secret: state it as publicKey'
  return secret.length < SHORTEST
    ? `has a secret of ${secret.length} characters: at least ${SHORTEST} are needed`
    : secretVerifier(secret)
}

const consumerOf = ({ keyid, consumer = keyid, ...grants }: SignatureKey): Consumer =>
  configuredConsumer(consumer, 'signature', { keyid }, grants)

/** Bits. */
const SMALLEST_RSA = 2048

/** Checks signatures with one key and the one algorithm that fits it (RFC 9421, section 3.3). */
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

/** @returns a message when the key cannot be used */
export function publicKeyVerifier(pem: string): SignatureVerifier | string {
  if (/PRIVATE KEY-----/.test(pem)) return 'is a private key: the gateway needs and should have the public one only'
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    return 'is not a public key in PEM form ("-----BEGIN PUBLIC KEY-----")'
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails = {} } = key
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = asymmetricKeyDetails
  const { hashAlgorithm = 'sha512', saltLength = 0 } = asymmetricKeyDetails
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
    // with exponent 1 the signature is the padded hash itself, which everybody can compute
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
