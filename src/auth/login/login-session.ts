import { randomBytes, createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { claimAt, consumerOf } from '../claims.ts'
import type { Consumer } from '../auth-schema.ts'
import type { LoginSettings } from './login-schema.ts'

/**
 * The session of a browser, which keeps it as an encrypted cookie. Times are milliseconds since 1970.
 */
export interface LoginSession {
  readonly id: string
  /** How often it has been refreshed. */
  readonly generation: number
  readonly started: number
  /** Approximate time of the last use. */
  readonly used: number
  /** When it should be refreshed; null when it cannot be. */
  readonly refreshFrom: number | null
  /** When the access token of the issuer expires. */
  readonly freshUntil: number | null
  readonly refreshToken: string | null
  readonly consumer: Consumer
}

/** Encrypts sessions, and decrypts them as frozen objects. */
export class SessionSeal {
  readonly #text: SealedText

  constructor({ issuer, clientId, sessionSecret }: Pick<LoginSettings, 'issuer' | 'clientId' | 'sessionSecret'>) {
    // sessions of another issuer or client are not accepted
    this.#text = new SealedText([sessionSecret].flat(), JSON.stringify(['gatehouse login session 1', issuer, clientId]))
  }

  seal(session: LoginSession): string {
    return this.#text.seal(JSON.stringify(session))
  }

  open(sealed: string): LoginSession | null {
    const text = this.#text.open(sealed)
    return text === null ? null : JSON.parse(text, (_key, value) => Object.freeze(value))
  }
}

/**
 * Compiles the reading of a consumer from claims. It keeps only the configured claims.
 * @returns a function that returns null for claims without an id
 */
export function consumerReader(
  settings: LoginSettings['claims'],
): (claims: Record<string, unknown>, scope: string) => Consumer | null {
  const { keep, ...paths } = settings
  const kept = [...new Set(['sub', 'iss', ...keep])].map((claim) => ({ claim, path: claim.split('.') }))
  return (claims, scope) => {
    const consumer = consumerOf({ ...claims, scope }, 'login', { id: 'sub', ...paths })
    if (consumer === null) return null
    const values = kept.map(({ claim, path }) => [claim, claimAt(consumer.claims, claim, path)] as const)
    return Object.freeze({
      ...consumer,
      claims: Object.freeze(Object.fromEntries(values.filter(([, value]) => value !== undefined && value !== null))),
    })
  }
}

/** Longest duration of a login, in milliseconds. */
export const LOGIN_TIME = 15 * 60_000

/** A pending login. It travels to the issuer and back as encrypted `state`, so each browser tab has its own. */
export interface PendingLogin {
  /** Id of the browser that has started it, from its cookie. */
  browser: string
  nonce: string
  verifier: string
  /** URL of the requested page. */
  page: string
  /** Milliseconds since 1970. */
  until: number
}

/** Random text. */
export const unguessable = (bytes = 16): string => randomBytes(bytes).toString('base64url')

export class PendingLogins {
  readonly #seal: SealedText
  readonly #now: () => number

  constructor(
    { issuer, clientId, sessionSecret }: Pick<LoginSettings, 'issuer' | 'clientId' | 'sessionSecret'>,
    now: () => number = Date.now,
  ) {
    this.#seal = new SealedText([sessionSecret].flat(), JSON.stringify(['gatehouse pending login 1', issuer, clientId]))
    this.#now = now
  }

  /** @returns the login, and its `state` */
  begin(browser: string, page: string): { pending: PendingLogin; state: string } {
    const pending = { browser, nonce: unguessable(), verifier: unguessable(32), page, until: this.#now() + LOGIN_TIME }
    return { pending, state: this.#seal.seal(JSON.stringify(pending)) }
  }

  /** @returns null for a forged or expired state, or that of another browser */
  resume(state: string, browser: string | null): PendingLogin | null {
    const text = this.#seal.open(state)
    const pending = text === null ? null : (JSON.parse(text) as PendingLogin)
    return pending !== null && pending.browser === browser && this.#now() < pending.until ? pending : null
  }
}

const ALGORITHM = 'aes-256-gcm'
const SALT_BYTES = 16
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Authenticated encryption (AES-256-GCM) of texts that clients keep for the gateway. Key and initialization vector of
 * each text are derived (HKDF, RFC 5869) from the secret and a random salt, so that the number of texts is unlimited.
 */
export class SealedText {
  readonly #secrets: readonly string[]
  readonly #purpose: string

  /**
   * @param secrets  the first encrypts, each decrypts
   * @param purpose  a text that was encrypted for another purpose does not decrypt
   */
  constructor(secrets: readonly string[], purpose: string) {
    this.#secrets = secrets
    this.#purpose = purpose
  }

  /** @returns base64url */
  seal(text: string): string {
    const salt = randomBytes(SALT_BYTES)
    const { key, iv } = this.#derive(this.#secrets[0]!, salt)
    const cipher = createCipheriv(ALGORITHM, key, iv)
    return Buffer.concat([salt, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** @returns null for a text that was not encrypted here, or has been changed */
  open(sealed: string): string | null {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < SALT_BYTES + TAG_BYTES) return null
    for (const secret of this.#secrets) {
      const { key, iv } = this.#derive(secret, bytes.subarray(0, SALT_BYTES))
      const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(SALT_BYTES, -TAG_BYTES)), decipher.final()]).toString(
          'utf8',
        )
      } catch {
        // encrypted with another secret, or forged
      }
    }
    return null
  }

  #derive(secret: string, salt: Buffer): { key: Buffer; iv: Buffer } {
    const derived = Buffer.from(hkdfSync('sha256', secret, salt, this.#purpose, KEY_BYTES + IV_BYTES))
    return { key: derived.subarray(0, KEY_BYTES), iv: derived.subarray(KEY_BYTES) }
  }
}
