import type { MemoryLimiter, Taken } from './limiter.ts'

/** When a client may try again: nobody knows when a request under way will end. */
export const TRY_AGAIN_MS = 1000

/** Counts requests under way: each takes one place, whatever it costs, and gives it back when it is over. */
export class Concurrency implements MemoryLimiter {
  readonly #max: number
  /** Never more keys than requests under way, so that it needs no bound. */
  readonly #underWay = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  take(key: string): Taken {
    const count = this.#underWay.get(key) ?? 0
    if (count >= this.#max) return { allowed: false, remaining: 0, resetMs: 0, retryAfterMs: TRY_AGAIN_MS }
    this.#underWay.set(key, count + 1)
    return { allowed: true, remaining: this.#max - count - 1, resetMs: 0, retryAfterMs: 0 }
  }

  give(key: string): void {
    const count = this.#underWay.get(key) ?? 0
    if (count > 1) this.#underWay.set(key, count - 1)
    else this.#underWay.delete(key)
  }
}
