import { hash } from 'node:crypto'
import type { Consumer } from '../auth-schema.ts'

/** A token that has been verified. */
export interface VerifiedToken {
  consumer: Consumer
  /** Milliseconds since 1970 between which the token is valid, clock tolerance included. */
  from: number
  until: number
}

/**
 * Remembers verified tokens by the SHA-256 of the whole token, header and signature included, so that no two
 * tokens share an entry. Only good tokens are remembered; the least recently used go first.
 */
export class TokenCache {
  readonly #entries = new Map<string, VerifiedToken>()
  readonly #size: number
  readonly #toleranceMs: number
  readonly #now: () => number

  /** @param size  most tokens at once; 0 remembers none */
  constructor (size: number, toleranceMs: number, now: () => number = Date.now) {
    this.#size = size
    this.#toleranceMs = toleranceMs
    this.#now = now
  }

  get (token: string): VerifiedToken | null {
    if (this.#size === 0) return null
    const key = keyOf(token)
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    this.#entries.delete(key)
    if (!this.isCurrent(entry)) return null
    this.#entries.set(key, entry)
    return entry
  }

  set (token: string, consumer: Consumer): VerifiedToken {
    const { exp, nbf } = consumer.claims
    const entry = {
      consumer,
      from: typeof nbf === 'number' ? nbf * 1000 - this.#toleranceMs : 0,
      until: typeof exp === 'number' ? exp * 1000 + this.#toleranceMs : Infinity,
    }
    if (this.#size > 0) {
      if (this.#entries.size >= this.#size) this.#entries.delete(this.#entries.keys().next().value!)
      this.#entries.set(keyOf(token), entry)
    }
    return entry
  }

  /** Whether the token is valid at this moment. */
  isCurrent ({ from, until }: VerifiedToken): boolean {
    const now = this.#now()
    return now >= from && now < until
  }
}

const keyOf = (token: string): string => hash('sha256', token, 'base64')
