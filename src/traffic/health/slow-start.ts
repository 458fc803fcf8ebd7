import { milliseconds } from '../../units.ts'
import type { SlowStartSettings } from './health-schema.ts'

/** Raises the share of a target that has come back slowly, so that a cold target is not overloaded. */
export class SlowStart {
  readonly #window: number
  readonly #least: number
  readonly #now: () => number
  #since = -Infinity

  /** @param now  milliseconds of a monotonic clock */
  constructor({ window, minimumPercent = 10 }: SlowStartSettings, now: () => number = () => performance.now()) {
    this.#window = milliseconds(window)
    this.#least = minimumPercent / 100
    this.#now = now
  }

  /** The target has just come back. */
  begin(): void {
    this.#since = this.#now()
  }

  /** The factor for its weight now: above 0, at most 1. */
  get factor(): number {
    const passed = this.#now() - this.#since
    return passed >= this.#window ? 1 : Math.max(this.#least, passed / this.#window)
  }
}
