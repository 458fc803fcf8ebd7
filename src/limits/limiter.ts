/** What a limiter says of a request. */
export interface Taken {
  /** Whether the request may go on. What it costs has been taken only then: a refused request costs nothing. */
  allowed: boolean
  /** What is left, without the cost of this request. */
  remaining: number
  /** Milliseconds until everything is there again; 0 when nobody can tell, as for requests under way. */
  resetMs: number
  /** Milliseconds until the same request can be allowed; 0 when it is. */
  retryAfterMs: number
}

/** Counts the requests of many keys against one limit. */
export interface Limiter {
  /**
   * Takes the cost of a request, if there is that much.
   * @param key   whose request it is
   * @param cost  at least 1; more than the limit can never be allowed
   * @param now   milliseconds since 1970
   */
  take(key: string, cost: number, now: number): Taken | Promise<Taken>
}

/**
 * A limiter in the memory of the process. It never waits, so that nothing happens between two limits of one request.
 */
export interface MemoryLimiter extends Limiter {
  take(key: string, cost: number, now: number): Taken
  /** Gives back what `take` has taken: at the same moment, or for requests under way when they are over. */
  give(key: string, cost: number): void
}

/**
 * A map of bounded size that forgets what has not been asked for longest: at most `size` keys, and never one of the
 * last `size / 2` that were asked for. Two generations do that with one look-up for a key of the young one, where an
 * exact order of use would take a key out and in again each time.
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
