import { milliseconds } from '../../units.ts'
import type { HealthCheckSettings } from './health-schema.ts'

/** Random part of the interval, so that checks are spread. */
const JITTER = 0.2

export interface HealthCheckParts {
  /** Makes one check. Rejects when the target is unhealthy. */
  probe: (signal: AbortSignal) => Promise<void>
  report: (decision: 'healthy' | 'unhealthy', details?: object) => void
  /** The target gets requests again. */
  onReturn: () => void
  random?: () => number
}

/** Checks one target periodically. */
export class HealthCheck {
  readonly isHealth = true
  readonly name = 'health'
  readonly #parts: HealthCheckParts
  readonly #interval: number
  readonly #timeout: number
  readonly #rise: number
  readonly #fall: number
  readonly #random: () => number
  readonly #end = new AbortController()
  #isHealthy = true
  /** Consecutive checks that contradict the current state. */
  #against = 0
  #timer: NodeJS.Timeout | undefined
  #last: { at: string; result: string } | null = null

  constructor(
    { interval = 10_000, timeout = 2000, healthy = 2, unhealthy = 3 }: HealthCheckSettings,
    parts: HealthCheckParts,
  ) {
    this.#parts = parts
    this.#interval = milliseconds(interval)
    this.#timeout = milliseconds(timeout)
    this.#rise = healthy
    this.#fall = unhealthy
    this.#random = parts.random ?? Math.random
  }

  isAvailable(): boolean {
    return this.#isHealthy
  }

  /** Shortest time until it can be healthy again, in milliseconds. */
  availableIn(): number {
    return this.#isHealthy ? 0 : this.#interval * (this.#rise - this.#against)
  }

  /** Starts, with a first check at once. */
  start(): void {
    if (!this.#end.signal.aborted && this.#timer === undefined) this.#wait(0)
  }

  close(): void {
    this.#end.abort()
    clearTimeout(this.#timer)
  }

  remember(): object | null {
    return this.#isHealthy ? null : { unhealthy: 1 }
  }

  recall({ unhealthy }: Readonly<Record<string, number>>): void {
    if (unhealthy === 1) this.#isHealthy = false
  }

  describe(): Record<string, unknown> {
    return { healthy: this.#isHealthy, ...(this.#last === null ? {} : { lastCheck: this.#last }) }
  }

  /** Notes the result of a check. @param wrong  the reason of a failure; null when the check passed */
  judge(wrong: string | null): void {
    this.#last = { at: new Date().toISOString(), result: wrong ?? 'passed' }
    if ((wrong === null) === this.#isHealthy) {
      this.#against = 0
      return
    }
    this.#against++
    if (this.#against < (this.#isHealthy ? this.#fall : this.#rise)) return
    this.#against = 0
    this.#isHealthy = !this.#isHealthy
    this.#parts.report(this.#isHealthy ? 'healthy' : 'unhealthy', wrong === null ? {} : { reason: wrong })
    if (this.#isHealthy) this.#parts.onReturn()
  }

  async #check(): Promise<void> {
    const wrong = await this.#parts.probe(AbortSignal.any([this.#end.signal, AbortSignal.timeout(this.#timeout)])).then(
      () => null,
      (error: Error) => (error.name === 'TimeoutError' ? `no answer within ${this.#timeout} ms` : error.message),
    )
    if (this.#end.signal.aborted) return
    this.judge(wrong)
    this.#wait(this.#interval * (1 + JITTER * (2 * this.#random() - 1)))
  }

  #wait(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#check().catch(() => this.#wait(this.#interval))
    }, delay).unref()
  }
}
