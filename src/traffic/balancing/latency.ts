import type { AttemptWatch, BalancedRequest, Candidate } from './balancer.ts'
import { LowestCost } from './lowest-cost.ts'
import { PeakLatency } from './peak-latency.ts'

/**
 * Takes the target that is expected to answer first: recent latency times the requests under way, the new one included,
 * for its weight. A target of which nothing is known is asked at once, and gets a second request when it has answered
 * the first.
 */
export class Latency<T extends Candidate> extends LowestCost<T> {
  readonly #now: () => number
  readonly #known = new WeakMap<T, PeakLatency>()
  #at = 0

  /** @param now  monotonic clock in milliseconds */
  constructor(now = (): number => performance.now()) {
    super()
    this.#now = now
  }

  override select(candidates: readonly T[], request?: BalancedRequest): T {
    this.#at = this.#now()
    return super.select(candidates, request)
  }

  watch(target: T): AttemptWatch {
    const latency = new PeakLatency(this.#now)
    this.#known.set(target, latency)
    return latency
  }

  protected override cost(candidate: T): number {
    const latency = this.#known.get(candidate)?.at(this.#at)
    if (latency === undefined) return candidate.inFlight === 0 ? 0 : Infinity
    return (latency * (candidate.inFlight + 1)) / candidate.weight
  }
}
