import { milliseconds } from '../../units.ts'
import { type Failure, FailureSet } from './failure-set.ts'
import { type BreakerDeclaration, DEFAULT_CAUSES } from './resilience-schema.ts'
import { SlidingCounts } from './retry-policy.ts'

export type BreakerDecision = 'opened' | 'half_opened' | 'closed'

/** Reported time until a target that is being probed is available: nobody knows when the probe ends. Milliseconds. */
const WHILE_PROBING = 1000

/**
 * Keeps requests from a target that fails. Closed: all requests pass and are counted. Open: no request passes for a
 * while. Half open: a single request passes, the probe, whose result closes or opens the circuit again.
 *
 * A response is judged by its head, since its body may take any time. While half open, results of earlier requests count
 * too: they show the present state of the target.
 */
export class CircuitBreaker {
  readonly name = 'circuit'
  readonly #failures: number
  readonly #rate: { share: number; minimum: number; counts: SlidingCounts } | null
  readonly #open: number
  readonly #maxOpen: number
  readonly #on: FailureSet
  readonly #report: (decision: BreakerDecision, details?: object) => void
  readonly #now: () => number
  #state: 'closed' | 'open' | 'half_open' = 'closed'
  /** Consecutive failures. */
  #consecutive = 0
  /** How often it has opened without closing in between. */
  #trips = 0
  #until = 0
  #probing = false

  /**
   * @param report  called for each change of state
   * @param now     milliseconds of a monotonic clock
   */
  constructor(
    settings: BreakerDeclaration,
    report: (decision: BreakerDecision, details?: object) => void,
    now: () => number = () => performance.now(),
  ) {
    const { failureRate, failures = failureRate ? Infinity : 5, open = 10_000, maxOpen, on = DEFAULT_CAUSES } = settings
    this.#failures = failures
    this.#rate = failureRate
      ? {
          share: failureRate.percent / 100,
          minimum: failureRate.minimum ?? 20,
          counts: new SlidingCounts(milliseconds(failureRate.window ?? 10_000)),
        }
      : null
    this.#open = milliseconds(open)
    this.#maxOpen = Math.max(this.#open, maxOpen === undefined ? 10 * this.#open : milliseconds(maxOpen))
    this.#on = new FailureSet(on)
    this.#report = report
    this.#now = now
  }

  isAvailable(): boolean {
    if (this.#state === 'closed') return true
    return this.#state === 'half_open' ? !this.#probing : this.#now() >= this.#until
  }

  /** Milliseconds until a request may be sent again. */
  availableIn(): number {
    if (this.isAvailable()) return 0
    return this.#state === 'open' ? this.#until - this.#now() : WHILE_PROBING
  }

  began(): void {
    if (this.#state === 'open' && this.#now() >= this.#until) {
      this.#state = 'half_open'
      this.#report('half_opened')
    }
    if (this.#state === 'half_open') this.#probing = true
  }

  answered(status: number): void {
    if (this.#on.hasStatus(status)) this.#failed()
    else this.#succeeded()
  }

  ended(status: number, failure: Failure | null): void {
    if (failure === null) return
    if (this.#on.hasFailure(failure)) this.#failed()
    // no result, for example because the client went away: another request may probe
    else if (status === 0) this.#probing = false
  }

  remember(): object | null {
    return this.#state === 'closed' ? null : { forMs: Math.max(0, this.#until - this.#now()), trips: this.#trips }
  }

  recall({ forMs = 0, trips = 0 }: Readonly<Record<string, number>>): void {
    this.#state = 'open'
    this.#trips = Math.min(trips, 30)
    this.#until = this.#now() + Math.min(forMs, this.#maxOpen)
  }

  describe(): Record<string, unknown> {
    return this.#state === 'open'
      ? { circuit: 'open', probeInMs: Math.ceil(this.availableIn()) }
      : { circuit: this.#state }
  }

  #failed(): void {
    if (this.#state === 'open') return
    this.#consecutive++
    if (this.#state === 'half_open' || this.#consecutive >= this.#failures || this.#rateExceeded()) this.#trip()
  }

  #succeeded(): void {
    if (this.#state === 'open') return
    this.#consecutive = 0
    if (this.#state === 'closed') {
      this.#rate?.counts.addFirst(this.#now())
      return
    }
    this.#state = 'closed'
    this.#trips = 0
    this.#report('closed')
  }

  #rateExceeded(): boolean {
    if (this.#rate === null) return false
    const { share, minimum, counts } = this.#rate
    const now = this.#now()
    counts.addFirst(now)
    counts.addSecond(now)
    return counts.first(now) >= minimum && counts.second(now) >= counts.first(now) * share
  }

  #trip(): void {
    const time = Math.min(this.#maxOpen, this.#open * 2 ** this.#trips++)
    this.#state = 'open'
    this.#until = this.#now() + time
    this.#probing = false
    this.#report('opened', { failuresInARow: this.#consecutive, forMs: time })
    this.#consecutive = 0
    this.#rate?.counts.clear()
  }
}
