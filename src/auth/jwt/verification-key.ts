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

/** Where the keys of an issuer are. */
export interface KeySource {
  /**
   * The keys, which have to be fetched first when none are known yet.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when they cannot be got
   */
  current(): readonly VerificationKey[] | Promise<readonly VerificationKey[]>
  /**
   * The keys as they are now, for a token that none of the known ones was named for.
   * @returns null when there cannot be others
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say
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
   * Takes these keys for those before. What was verified with a key that is still there goes on counting.
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

/** Secrets that this project has published in its examples, so that everybody can sign with them. */
const KNOWN: ReadonlySet<string> = new Set(['for-trying-things-out-only-do-not-use-elsewhere'])

/** Whether a secret is one that everybody knows. */
export const isPublishedSecret = (secret: string): boolean => KNOWN.has(secret.trim().toLowerCase())

/** Why such a secret is refused, and what to do. */
export const PUBLISHED =
  'found the secret of an example of this project, which everybody knows: make your own with `openssl rand -hex 32 > jwt-secret.txt`, and set GATEHOUSE_JWT_SECRET_FILE=jwt-secret.txt'
