import { milliseconds } from '../../units.ts'
import type { HedgeSettings } from './resilience-schema.ts'

/** Methods that change nothing at the upstream (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** When a second copy of a slow request is sent; one for each route, which knows how long its answers take. */
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

  /** Whether a request may be sent twice at once. */
  covers(method: string, body: unknown): boolean {
    return body === null && SAFE.has(method)
  }

  /** Milliseconds to wait for an answer; undefined while too little is known. */
  get delay(): number | undefined {
    return this.#fixed ?? this.#latencies?.current
  }

  /**
   * Notes how long the first attempt of a request took, or had taken when another was faster. @param latency
   * milliseconds
   */
  note(latency: number): void {
    this.#latencies?.add(latency)
  }
}

/** The policy of a route; null when nothing is sent twice. */
export const hedgePolicy = (settings: HedgeSettings | undefined): HedgePolicy | null =>
  settings ? new HedgePolicy(settings) : null

const KEPT = 512
const FEWEST = 20
/** Values between two looks at all of them. */
const STRIDE = 32

/** A quantile of the last values, 512 at most. It is found anew with every 32nd value only. */
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
