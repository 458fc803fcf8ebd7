import { claimAt } from '../requirement.ts'
import type { Consumer } from '../auth-schema.ts'
import { consumerOf } from '../jwt/token-consumer.ts'
import type { LoginSettings } from './login-schema.ts'
import { SealedText } from './sealed-text.ts'

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
