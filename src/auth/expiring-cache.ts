/**
 * A bounded cache: each value has an expiry of its own, and the least recently used is evicted first. Keys are hashes
 * of what clients send, which may be long and secret.
 */
export class ExpiringCache<Value> {
  readonly #entries = new Map<string, { value: Value; until: number }>()
  readonly #size: number
  readonly #now: () => number

  /** @param size  most values at once; 0 caches nothing */
  constructor(size: number, now: () => number = Date.now) {
    this.#size = size
    this.#now = now
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (this.#now() >= entry.until) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  /** @param until  expiry in milliseconds since 1970; a value that has expired already is not stored */
  set(key: string, value: Value, until: number): void {
    if (this.#size === 0 || until <= this.#now()) return
    this.#entries.delete(key)
    if (this.#entries.size >= this.#size) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { value, until })
  }
}
