import { milliseconds } from '../../units.ts'
import type { HedgeSettings } from './resilience-schema.ts'

/** Methods that change nothing at the upstream (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** When a copy of a slow request is sent. Each route has its own, with the latencies of its answers. */
export class HedgePolicy {
  /** Most copies beside the first. */
  readonly max: number
  readonly #fixed: number | undefined
  readonly #latencies: RecentQuantile | null

  constructor({ after, max = 1 }: Exclude<HedgeSettings, false>) {
    const percentile = /^p(\d\d)$/.exec(String(after))
    this.max = max
    this.#fixed = percentile ? undefined : milliseconds(after)
    this.#latencies = percentile && new RecentQuantile(Number(percentile[1]) / 100)
  }

  /** Whether a request may be hedged. */
  covers(method: string, body: unknown): boolean {
    return body === null && SAFE.has(method)
  }

  /** Milliseconds to wait for an answer; undefined while too little is known. */
  get delay(): number | undefined {
    return this.#fixed ?? this.#latencies?.current
  }

  /**
   * Notes how long the first attempt of a request took, or had taken when a faster one answered.
   * @param latency  milliseconds
   */
  note(latency: number): void {
    this.#latencies?.add(latency)
  }
}

/** Compiles the policy of a route; null for none. */
export const hedgePolicy = (settings: HedgeSettings | undefined): HedgePolicy | null =>
  settings ? new HedgePolicy(settings) : null

const KEPT = 512
const FEWEST = 20
/** Values between two computations. */
const STRIDE = 32

/** A quantile of the last 512 values. It is computed with every 32nd value only. */
export class RecentQuantile {
  readonly #quantile: number
  readonly #values = new Float64Array(KEPT)
  #count = 0
  #current: number | undefined

  /** @param quantile  between 0 and 1 */
  constructor(quantile: number) {
    this.#quantile = quantile
  }

  /** Undefined until there are 20 values. */
  get current(): number | undefined {
    return this.#current
  }

  add(value: number): void {
    this.#values[this.#count++ % KEPT] = value
    if (this.#count < FEWEST || (this.#count - FEWEST) % STRIDE !== 0) return
    const sorted = this.#values.slice(0, Math.min(this.#count, KEPT)).sort()
    this.#current = sorted[Math.ceil(sorted.length * this.#quantile) - 1]
  }
}
