import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JwtSettings } from './jwt-schema.ts'
import {
  type JwtAlgorithmName,
  keyAlgorithms,
  narrowed,
  refuseJwt,
  SECRET_ALGORITHMS,
  plainRsaPem,
} from './key-algorithms.ts'

/** A key with the algorithms that it may be used for: those that fit its kind and that the configuration accepts. */
export interface VerificationKey {
  /** The secret, or the public key as PEM. */
  key: string | Buffer
  algorithms: JwtAlgorithmName[]
  /** Its name in a JWK Set (RFC 7517, section 4.5). A key without one is tried for any token. */
  kid?: string
  /** True once the issuer has withdrawn the key: tokens that it has verified are no longer valid. */
  retired?: boolean
}

/** The public key in the form that @fastify/jwt takes. */
export const publicPem = (key: KeyObject): string =>
  key.asymmetricKeyType === 'rsa-pss' ? plainRsaPem(key) : (key.export({ type: 'spki', format: 'pem' }) as string)

/**
 * The key in the configuration itself: `secret` or `publicKey`.
 * @param at  path of its settings below `jwt`, such as `.issuers[0]`
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

/** Refuses a public key as a secret: everybody who has it could sign tokens (algorithm confusion). */
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

/** The keys of an issuer, wherever they come from. */
export interface KeySource {
  /**
   * The known keys. A promise when they have to be fetched first.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when they cannot be fetched
   */
  current(): readonly VerificationKey[] | Promise<readonly VerificationKey[]>
  /**
   * The keys after fetching them again, for a token whose kid is unknown.
   * @returns null when no fetch is due
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when they cannot be fetched
   */
  renewed?(): Promise<readonly VerificationKey[]> | null
}

/** Keys that are replaced as a whole. */
export class KeySet implements KeySource {
  #keys: readonly VerificationKey[]

  constructor(keys: readonly VerificationKey[] = []) {
    this.#keys = keys
  }

  current(): readonly VerificationKey[] {
    return this.#keys
  }

  /**
   * Replaces the keys. Tokens that were verified with a key that stays remain verified.
   * @returns whether anything has changed
   */
  replace(keys: readonly VerificationKey[]): boolean {
    const before = new Map(this.#keys.map((key) => [identityOf(key), key]))
    const after = keys.map((key) => before.get(identityOf(key)) ?? key)
    const gone = this.#keys.filter((key) => !after.includes(key))
    for (const key of gone) key.retired = true
    const changed = gone.length > 0 || after.some((key) => !this.#keys.includes(key))
    this.#keys = after
    return changed
  }
}

const identityOf = ({ key, kid, algorithms }: VerificationKey): string =>
  JSON.stringify([kid, algorithms, typeof key === 'string' ? key : key.toString('base64')])

/** Secrets in the published examples of this project, with which everybody can sign. */
const KNOWN: ReadonlySet<string> = new Set(['for-trying-things-out-only-do-not-use-elsewhere'])

/** Whether a secret is from a published example. */
export const isPublishedSecret = (secret: string): boolean => KNOWN.has(secret.trim().toLowerCase())

/** The message about such a secret. */
export const PUBLISHED =
  'found the secret of an example of this project, which everybody knows: make your own with `openssl rand -hex 32 > jwt-secret.txt`, and set GATEHOUSE_JWT_SECRET_FILE=jwt-secret.txt'
