import { hash } from 'node:crypto'
import type { Consumer } from './auth-schema.ts'

interface Entry {
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
  readonly #entries = new Map<string, Entry>()
  readonly #size: number
  readonly #toleranceMs: number
  readonly #now: () => number

  /** @param size  most tokens at once; 0 remembers none */
  constructor (size: number, toleranceMs: number, now: () => number = Date.now) {
    this.#size = size
    this.#toleranceMs = toleranceMs
    this.#now = now
  }

  get (token: string): Consumer | null {
    if (this.#size === 0) return null
    const key = keyOf(token)
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    this.#entries.delete(key)
    const now = this.#now()
    if (now < entry.from || now >= entry.until) return null
    this.#entries.set(key, entry)
    return entry.consumer
  }

  set (token: string, consumer: Consumer): void {
    if (this.#size === 0) return
    if (this.#entries.size >= this.#size) this.#entries.delete(this.#entries.keys().next().value!)
    const { exp, nbf } = consumer.claims
    this.#entries.set(keyOf(token), {
      consumer,
      from: typeof nbf === 'number' ? nbf * 1000 - this.#toleranceMs : 0,
      until: typeof exp === 'number' ? exp * 1000 + this.#toleranceMs : Infinity,
    })
  }
}

const keyOf = (token: string): string => hash('sha256', token, 'base64')
