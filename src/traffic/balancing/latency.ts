import type { AttemptWatch, BalancedRequest, Candidate } from './balancer.ts'
import { LowestCost } from './least-requests.ts'

/**
 * Takes the target that is expected to answer first: its recent latency times its requests in flight, with the new one,
 * divided by its weight. A target without a known latency gets one request at once, and more after its first answer.
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

/** Without answers, a latency falls to 1/e in this time. Milliseconds. */
const DECAY = 10_000
/**
 * A failure counts as at least this latency, and as twice the known one, so that a target that fails fast attracts no
 * requests. Milliseconds.
 */
const FAILURE = 1000
/** Highest latency that failures can lead to. Milliseconds. */
const HIGHEST = 60_000

/**
 * The latency of a target (the time until the head of a response) as a moving average that jumps to each peak and falls
 * slowly (peak EWMA). Without answers it fades, so that a slow target is tried again.
 */
export class PeakLatency implements AttemptWatch {
  readonly #now: () => number
  #value: number | undefined
  #noted = 0

  /** @param now  monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The latency at a time, in milliseconds; undefined when unknown. */
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
