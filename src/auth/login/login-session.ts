import { randomBytes, createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { claimAt, consumerOf } from '../claims.ts'
import type { Consumer } from '../auth-schema.ts'
import type { LoginSettings } from './login-schema.ts'

/**
 * What the gateway knows of somebody who has logged in. The browser keeps it, sealed. Times in milliseconds since 1970.
 */
export interface LoginSession {
  readonly id: string
  /** How often it has been refreshed. */
  readonly generation: number
  readonly started: number
  /** When it was used last, roughly. */
  readonly used: number
  /** When it should be refreshed; null when it cannot be, and so lasts as it is. */
  readonly refreshFrom: number | null
  /** Until when the issuer has vouched for it. */
  readonly freshUntil: number | null
  readonly refreshToken: string | null
  readonly consumer: Consumer
}

/** Seals sessions, and opens them frozen. */
export class SessionSeal {
  readonly #text: SealedText

  constructor({ issuer, clientId, sessionSecret }: Pick<LoginSettings, 'issuer' | 'clientId' | 'sessionSecret'>) {
    // what was known by another issuer, or for another client, says nothing here
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
 * Compiles who claims speak of, with those claims alone that are to be kept.
 * @returns null for claims that name nobody
 */
export function consumerReader({
  keep,
  ...paths
}: LoginSettings['claims']): (claims: Record<string, unknown>, scope: string) => Consumer | null {
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

/** How long somebody may take to log in, in milliseconds. */
export const LOGIN_TIME = 15 * 60_000

/** A login under way. It goes to the issuer and back, sealed, as `state`; so tabs side by side each have their own. */
export interface PendingLogin {
  /** The browser that has begun it, by its cookie. */
  browser: string
  nonce: string
  verifier: string
  /** URL of the page that was asked for. */
  page: string
  /** Milliseconds since 1970. */
  until: number
}

/** A text that nobody can guess. */
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

  /** @returns the login, and the `state` that brings it back */
  begin(browser: string, page: string): { pending: PendingLogin; state: string } {
    const pending = { browser, nonce: unguessable(), verifier: unguessable(32), page, until: this.#now() + LOGIN_TIME }
    return { pending, state: this.#seal.seal(JSON.stringify(pending)) }
  }

  /** @returns null for a state that was not made here, is too old, or belongs to another browser */
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
 * Encrypts texts that strangers keep for the gateway, and knows its own again (AES-256-GCM). Each text has a key and an
 * initialization vector of its own, derived (HKDF, RFC 5869) with a random salt, so there is no bound on their number.
 */
export class SealedText {
  readonly #secrets: readonly string[]
  readonly #purpose: string

  /**
   * @param secrets  the first seals, each opens
   * @param purpose  what the texts are; one that was sealed for another purpose does not open
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

  /** @returns null for whatever was not sealed here, or has been changed since */
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
        // sealed with another secret, or forged
      }
    }
    return null
  }

  #derive(secret: string, salt: Buffer): { key: Buffer; iv: Buffer } {
    const derived = Buffer.from(hkdfSync('sha256', secret, salt, this.#purpose, KEY_BYTES + IV_BYTES))
    return { key: derived.subarray(0, KEY_BYTES), iv: derived.subarray(KEY_BYTES) }
  }
}
