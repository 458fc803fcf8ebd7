import { milliseconds } from '../../units.ts'
import { RecentQuantile } from './recent-quantile.ts'
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
