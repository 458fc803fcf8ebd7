/** The answer of a limiter about a request. */
export interface Taken {
  /** Whether the request may go on. A refused request costs nothing. */
  allowed: boolean
  /** What is left, after the cost of this request. */
  remaining: number
  /** Milliseconds until the full limit is available again; 0 when unknown, as for requests in flight. */
  resetMs: number
  /** Milliseconds until the same request can be allowed; 0 when it is. */
  retryAfterMs: number
}

/** Counts the requests of many keys against one limit. */
export interface Limiter {
  /**
   * Takes the cost of a request, if that much is left.
   * @param cost  at least 1; a cost above the limit is never allowed
   * @param now   milliseconds since 1970
   */
  take(key: string, cost: number, now: number): Taken | Promise<Taken>
}

/**
 * A limiter in the memory of the process. It is synchronous, so nothing happens between two limits of one request.
 */
export interface MemoryLimiter extends Limiter {
  take(key: string, cost: number, now: number): Taken
  /** Gives back what `take` has taken: at once, or for concurrency when the request ends. */
  give(key: string, cost: number): void
}

/**
 * A map of at most `size` keys that evicts the least recently used ones, approximately: the last `size / 2` keys that
 * were used are always kept. It has two generations, so that a recent key costs one look-up; an exact LRU would remove
 * and insert the key at each use.
 */
export class RecentKeys<Value> {
  readonly #half: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(size: number) {
    this.#half = Math.max(1, Math.floor(size / 2))
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    } else this.#old.delete(key)
    this.#young.set(key, value)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
