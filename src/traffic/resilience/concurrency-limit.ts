import type { ConcurrencySettings } from './resilience-schema.ts'

/** Bounds how many requests of an upstream are in flight. */
export interface ConcurrencyLimit {
  readonly inFlight: number
  readonly limit: number
  /** Admits one more request, or returns false. */
  tryAcquire(): boolean
  /**
   * Ends a request that was admitted.
   * @param latency  milliseconds until its response began; 0 when unknown
   * @param failed   whether the upstream has failed it
   */
  release(latency: number, failed: boolean): void
}

/** A constant limit. */
export class FixedLimit implements ConcurrencyLimit {
  readonly limit: number
  inFlight = 0

  constructor(max: number) {
    this.limit = max
  }

  tryAcquire(): boolean {
    if (this.inFlight >= this.limit) return false
    this.inFlight++
    return true
  }

  release(): void {
    this.inFlight--
  }
}

/** Compiles the limit of an upstream; null for none. */
export function concurrencyLimit(settings: ConcurrencySettings | undefined): ConcurrencyLimit | null {
  if (!settings) return null
  if (settings.max !== undefined) return new FixedLimit(settings.max)
  const { minimum = 10, maximum = 1000 } = settings.adaptive!
  return new AdaptiveLimit(minimum, maximum)
}

/** Shortest time of a sample in milliseconds, and its fewest requests. */
const SAMPLE_TIME = 200
const SAMPLE_SIZE = 10
/** How many times the unloaded latency answers may take before the limit falls. */
const TOLERANCE = 1.5
/** Share of a new limit in the next one. */
const SMOOTHING = 0.3
/** Milliseconds after which the lowest latency is measured again. */
const BASELINE_PERIOD = 30_000

/**
 * Finds how many requests in flight an upstream can take: the gradient algorithm, as in Envoy's adaptive concurrency
 * and Netflix's concurrency-limits. The gradient is the latency without load over the latency now; the limit becomes
 * `limit * gradient + sqrt(limit)`, so that it rises slowly while answers are fast, and falls as soon as they queue.
 *
 * The latency without load is the lowest sample of the last 30 to 60 seconds. At the end of each period the limit is
 * halved for one sample, so that an upstream that is always busy shows its real latency, and the limit cannot creep up.
 */
export class AdaptiveLimit {
  inFlight = 0
  readonly #minimum: number
  readonly #maximum: number
  readonly #now: () => number
  #limit: number
  /** Whether the limit is halved to see the latency without load. */
  #probing = false
  #lowest = Infinity
  #lowestBefore = Infinity
  #periodEnd: number
  #sampleStart: number
  #latencies = 0
  #answers = 0
  #failures = 0
  #mostInFlight = 0

  /** @param now  milliseconds of a monotonic clock */
  constructor(minimum: number, maximum: number, now: () => number = () => performance.now()) {
    this.#minimum = minimum
    this.#maximum = maximum
    this.#now = now
    this.#limit = Math.min(maximum, Math.max(minimum, 20))
    this.#sampleStart = now()
    this.#periodEnd = this.#sampleStart + BASELINE_PERIOD
  }

  get limit(): number {
    return Math.max(this.#minimum, Math.floor(this.#probing ? this.#limit / 2 : this.#limit))
  }

  tryAcquire(): boolean {
    if (this.inFlight >= this.limit) return false
    this.inFlight++
    if (this.inFlight > this.#mostInFlight) this.#mostInFlight = this.inFlight
    return true
  }

  release(latency: number, failed: boolean): void {
    this.inFlight--
    if (failed) this.#failures++
    else if (latency > 0) {
      this.#latencies += latency
      this.#answers++
    } else return
    const now = this.#now()
    if (this.#answers + this.#failures < SAMPLE_SIZE || now - this.#sampleStart < SAMPLE_TIME) return
    this.#adapt(now)
    this.#sampleStart = now
    this.#latencies = this.#answers = this.#failures = 0
    this.#mostInFlight = this.inFlight
  }

  #adapt(now: number): void {
    const latency = this.#answers === 0 ? Infinity : this.#latencies / this.#answers
    this.#lowest = Math.min(this.#lowest, latency)
    const wasProbing = this.#probing
    this.#probing = now >= this.#periodEnd
    if (this.#probing) {
      this.#lowestBefore = this.#lowest
      this.#lowest = Infinity
      this.#periodEnd = now + BASELINE_PERIOD
    }
    if (wasProbing) return
    const unloaded = Math.min(this.#lowest, this.#lowestBefore)
    const failed = this.#failures / (this.#answers + this.#failures)
    const gradient =
      (latency === Infinity ? 0.5 : Math.min(1, Math.max(0.5, (TOLERANCE * unloaded) / latency))) * (1 - failed)
    // traffic far below the limit does not show whether the limit is right
    if (gradient === 1 && this.#mostInFlight < this.#limit / 2) return
    const next = this.#limit * gradient + Math.sqrt(this.#limit)
    this.#limit = Math.min(this.#maximum, Math.max(this.#minimum, this.#limit + SMOOTHING * (next - this.#limit)))
  }
}
