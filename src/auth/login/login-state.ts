import { randomBytes } from 'node:crypto'
import type { LoginSettings } from './login-schema.ts'
import { SealedText } from './sealed-text.ts'

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
