import type { RetrySettings } from './resilience-schema.ts'
import { SlidingCounts } from './sliding-counts.ts'

const WINDOW = 10_000

/**
 * Bounds what retries and hedges add to the load of an upstream: over the last ten seconds they are at most a share of
 * its requests, or a small number when there are few. When everything fails, each request would otherwise bring
 * several.
 */
export class RetryBudget {
  readonly #share: number
  readonly #minimum: number
  /** Requests first, retries second. */
  readonly #counts = new SlidingCounts(WINDOW)

  constructor(settings: RetrySettings | undefined) {
    const { percent = 20, minimum = 10 } = (settings || {}).budget ?? {}
    this.#share = percent / 100
    this.#minimum = minimum
  }

  /** Counts a request, once however often it is tried. @param now  milliseconds of a monotonic clock */
  countRequest(now: number): void {
    this.#counts.addFirst(now)
  }

  /** Takes one retry out of the budget. @returns whether there was one */
  take(now: number): boolean {
    if (this.#counts.second(now) >= Math.max(this.#minimum, Math.floor(this.#counts.first(now) * this.#share))) {
      return false
    }
    this.#counts.addSecond(now)
    return true
  }
}
