import { type MemoryLimiter, type Taken, RecentKeys } from './limiter.ts'

interface Bucket {
  /**
   * Tokens times the window in milliseconds. In this unit the refill of a millisecond is a whole number, so nothing is
   * rounded.
   */
  level: number
  /** When the level was computed, in milliseconds since 1970. */
  at: number
}

/** Buckets of `burst` tokens. `max` tokens come back evenly in each window; a request takes one or more. */
export class TokenBucket implements MemoryLimiter {
  readonly #max: number
  readonly #windowMs: number
  readonly #capacity: number
  readonly #buckets: RecentKeys<Bucket>

  /** @param size  most keys */
  constructor(max: number, windowMs: number, burst: number, size: number) {
    this.#max = max
    this.#windowMs = windowMs
    this.#capacity = burst * windowMs
    this.#buckets = new RecentKeys(size)
  }

  take(key: string, cost: number, now: number): Taken {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { level: this.#capacity, at: now }
      this.#buckets.set(key, bucket)
    }
    // a clock that was set back adds no tokens
    bucket.level = Math.min(this.#capacity, bucket.level + Math.max(0, now - bucket.at) * this.#max)
    bucket.at = now
    const wanted = cost * this.#windowMs
    const allowed = bucket.level >= wanted
    if (allowed) bucket.level -= wanted
    return {
      allowed,
      remaining: Math.floor(bucket.level / this.#windowMs),
      resetMs: Math.ceil((this.#capacity - bucket.level) / this.#max),
      retryAfterMs: allowed ? 0 : Math.ceil((wanted - bucket.level) / this.#max),
    }
  }

  give(key: string, cost: number): void {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.level = Math.min(this.#capacity, bucket.level + cost * this.#windowMs)
  }
}
