import type { AttemptWatch, BalancedRequest, Candidate } from './balancer.ts'
import { LowestCost } from './least-requests.ts'

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

/** After this time without news, a latency counts for a 1/e of what it was. Milliseconds. */
const DECAY = 10_000
/**
 * A failure counts as a latency of at least so much, and of twice what is known, so that failing fast attracts no
 * requests. Milliseconds.
 */
const FAILURE = 1000
/** Highest latency that failures add up to. Milliseconds. */
const HIGHEST = 60_000

/**
 * The latency of a target as a moving average that jumps to each peak and comes down slowly (peak EWMA). It is the time
 * until the head of a response. Without news it fades, so that a target which was slow is tried again.
 */
export class PeakLatency implements AttemptWatch {
  readonly #now: () => number
  #value: number | undefined
  #noted = 0

  /** @param now  monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Milliseconds as they count at a time; undefined when nothing is known. */
  at(now: number): number | undefined {
    return this.#value === undefined ? undefined : this.#value * Math.exp((this.#noted - now) / DECAY)
  }

  answered(status: number, firstByte: number): void {
    if (status >= 500) this.#noteFailure()
    else this.#note(firstByte)
  }

  ended(_status: number, failure: string | null): void {
    if (failure !== null && failure !== 'cancelled') this.#noteFailure()
  }

  describe(): Record<string, unknown> {
    const latency = this.at(this.#now())
    return latency === undefined ? {} : { latencyMs: Math.round(latency * 10) / 10 }
  }

  #note(latency: number): void {
    const now = this.#now()
    if (this.#value === undefined || latency > this.#value) this.#value = latency
    else {
      const kept = Math.exp((this.#noted - now) / DECAY)
      this.#value = this.#value * kept + latency * (1 - kept)
    }
    this.#noted = now
  }

  #noteFailure(): void {
    const now = this.#now()
    this.#value = Math.min(HIGHEST, Math.max(FAILURE, 2 * (this.at(now) ?? 0)))
    this.#noted = now
  }
}
