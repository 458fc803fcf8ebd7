import { type MemoryLimiter, type Taken, RecentKeys } from './limiter.ts'

/** A time span in milliseconds since 1970: from `start`, and before `end`. */
export interface Period {
  start: number
  end: number
}

interface Window extends Period {
  count: number
}

/**
 * Counts in windows that do not overlap. A window begins with the first request of a key, or with a period of the
 * calendar. Up to twice the limit can pass around the end of a window.
 */
export class FixedWindow implements MemoryLimiter {
  readonly #max: number
  readonly #periodAt: (now: number) => Period
  readonly #windows: RecentKeys<Window>

  /**
   * @param periodAt  the window that begins with a request, or in which it falls
   * @param size      most keys
   */
  constructor(max: number, periodAt: (now: number) => Period, size: number) {
    this.#max = max
    this.#periodAt = periodAt
    this.#windows = new RecentKeys(size)
  }

  take(key: string, cost: number, now: number): Taken {
    let window = this.#windows.get(key)
    // a clock that was set back must not make a window longer
    if (window === undefined || now >= window.end || now < window.start) {
      const { start, end } = this.#periodAt(now)
      window = { count: 0, start, end }
      this.#windows.set(key, window)
    }
    const resetMs = window.end - now
    if (window.count + cost > this.#max) {
      return { allowed: false, remaining: this.#max - window.count, resetMs, retryAfterMs: resetMs }
    }
    window.count += cost
    return { allowed: true, remaining: this.#max - window.count, resetMs, retryAfterMs: 0 }
  }

  give(key: string, cost: number): void {
    const window = this.#windows.get(key)
    if (window !== undefined) window.count = Math.max(0, window.count - cost)
  }
}

/** Windows of a fixed length that begin with a request. */
export const windowOf =
  (windowMs: number) =>
  (now: number): Period => ({ start: now, end: now + windowMs })
