import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JwtSettings } from './jwt-schema.ts'
import { type JwtAlgorithmName, keyAlgorithms, narrowed, refuseJwt, SECRET_ALGORITHMS } from './key-algorithms.ts'
import { isPublishedSecret, PUBLISHED } from './published-secret.ts'
import { plainRsaPem } from './rsa-pss-key.ts'

/** A key, and the algorithms for which it may be used: those that it is made for, narrowed by the configuration. */
export interface VerificationKey {
  /** The secret, or the public key as PEM. */
  key: string | Buffer
  algorithms: JwtAlgorithmName[]
  /** Its name in a JWK Set (RFC 7517, section 4.5). A key without one may be meant by any token. */
  kid?: string
  /** True once the issuer has withdrawn the key; what was verified with it no longer counts. */
  retired?: boolean
}

/** The public key in the form that the library of the tokens takes. */
export const publicPem = (key: KeyObject): string =>
  key.asymmetricKeyType === 'rsa-pss' ? plainRsaPem(key) : (key.export({ type: 'spki', format: 'pem' }) as string)

/**
 * The key that stands in the configuration itself, as `secret` or `publicKey`.
 * @param at  where its settings stand below `jwt`, such as `.issuers[0]`
 * @throws BootProblems when it cannot be read or is too weak, or when a configured algorithm does not fit it
 */
export function verificationKey(
  settings: Pick<JwtSettings, 'secret' | 'publicKey' | 'algorithms'>,
  at = '',
): VerificationKey {
  const { secret, publicKey } = settings
  if (secret !== undefined) {
    refusePublicSecret(secret, at)
    if (isPublishedSecret(secret)) refuseJwt(`${at}.secret`, PUBLISHED)
    return { key: secret, algorithms: [...narrowed(SECRET_ALGORITHMS, settings, '.secret', at)] }
  }
  const key = readPublicKey(publicKey!, at)
  return {
    key: publicPem(key),
    algorithms: [...narrowed(keyAlgorithms(key, `${at}.publicKey`), settings, '.publicKey', at)],
  }
}

/** What everybody may know is no secret: with it, anyone could sign (algorithm confusion). */
function refusePublicSecret(secret: string, at: string): void {
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(secret) || /"kty"\s*:\s*"(?:RSA|EC|OKP)"/.test(secret)) {
    refuseJwt(
      `${at}.secret`,
      'found a key of a key pair, which is no shared secret: set publicKey (GATEHOUSE_JWT_PUBLIC_KEY) instead',
    )
  }
}

function readPublicKey(pem: string, at: string): KeyObject {
  if (/PRIVATE KEY-----/.test(pem)) {
    refuseJwt(`${at}.publicKey`, 'found a private key: the gateway needs and should have the public one only')
  }
  try {
    return createPublicKey(pem.trim())
  } catch {
    return refuseJwt(`${at}.publicKey`, 'is not a public key in PEM form ("-----BEGIN PUBLIC KEY-----")')
  }
}
