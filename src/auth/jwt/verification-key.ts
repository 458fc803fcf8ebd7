import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JwtSettings } from './jwt-schema.ts'
import { type JwtAlgorithmName, keyAlgorithms, narrowed, refuseJwt, SECRET_ALGORITHMS } from './key-algorithms.ts'
import { plainRsaPem } from './rsa-pss-key.ts'

/** A key, and the algorithms for which it may be used: those that it is made for, narrowed by the configuration. */
export interface VerificationKey {
  /** The secret, or the public key as PEM. */
  key: string
  algorithms: JwtAlgorithmName[]
}

/**
 * @throws BootProblems when there is no key or more than one, when it cannot be read or is too weak, when a configured
 *   algorithm does not fit it, or when an accepted issuer or audience is empty and so would not be checked
 */
export function verificationKey (settings: JwtSettings): VerificationKey {
  const { secret, publicKey } = settings
  for (const field of ['issuer', 'audience'] as const) {
    if ([settings[field]].flat().includes('')) refuseJwt(`.${field}`, 'found "": state who is accepted, or leave it out')
  }
  if ((secret === undefined) === (publicKey === undefined)) {
    refuseJwt('', secret === undefined
      ? 'has no key: set secret (GATEHOUSE_JWT_SECRET) or publicKey (GATEHOUSE_JWT_PUBLIC_KEY)'
      : 'has both secret and publicKey: state one of them, since a token must be verifiable in one way only')
  }
  if (secret !== undefined) {
    refusePublicSecret(secret)
    return { key: secret, algorithms: [...narrowed(SECRET_ALGORITHMS, settings, '.secret')] }
  }
  const key = readPublicKey(publicKey!)
  return {
    key: key.asymmetricKeyType === 'rsa-pss' ? plainRsaPem(key) : key.export({ type: 'spki', format: 'pem' }) as string,
    algorithms: [...narrowed(keyAlgorithms(key, '.publicKey'), settings, '.publicKey')],
  }
}

/** What everybody may know is no secret: with it, anyone could sign (algorithm confusion). */
function refusePublicSecret (secret: string): void {
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(secret) || /"kty"\s*:\s*"(?:RSA|EC|OKP)"/.test(secret)) {
    refuseJwt('.secret', 'found a key of a key pair, which is no shared secret: set publicKey (GATEHOUSE_JWT_PUBLIC_KEY) instead')
  }
}

function readPublicKey (pem: string): KeyObject {
  if (/PRIVATE KEY-----/.test(pem)) refuseJwt('.publicKey', 'found a private key: the gateway needs and should have the public one only')
  try {
    return createPublicKey(pem.trim())
  } catch {
    return refuseJwt('.publicKey', 'is not a public key in PEM form ("-----BEGIN PUBLIC KEY-----")')
  }
}
