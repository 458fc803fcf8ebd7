import { milliseconds } from '../../units.ts'
import { FailureSet } from './failure-set.ts'
import { DEFAULT_CAUSES, type RetrySettings } from './resilience-schema.ts'
import { SlidingCounts } from './sliding-counts.ts'

/** Methods of which a second copy does no harm (RFC 9110, section 9.2.2; QUERY: RFC 10008). */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'QUERY',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
])

/** When a request of a route is sent to the upstream again, and how long to wait before. */
export class RetryPolicy {
  /** Most further attempts. */
  readonly attempts: number
  /**
   * Whether a target that cannot be reached costs no attempt, and is not asked twice: what holds when nobody has stated
   * anything.
   */
  readonly failsOver: boolean
  readonly on: FailureSet
  /** Methods that may be sent again. */
  readonly methods: ReadonlySet<string>
  /** Milliseconds until the head of an attempt's response; 0 for any time. */
  readonly perTry: number
  readonly #base: number
  readonly #max: number
  readonly #respectsRetryAfter: boolean
  readonly #random: () => number

  /** @param settings  undefined when nobody has stated any */
  constructor(settings: Exclude<RetrySettings, false> | undefined, random: () => number = Math.random) {
    const { attempts, on, methods, backoff = {}, respectRetryAfter = true, perTryTimeout = 0 } = settings ?? {}
    this.failsOver = settings === undefined
    this.attempts = attempts ?? (settings === undefined ? 1 : 2)
    this.on = new FailureSet(on ?? (settings === undefined ? ['connect', 'reset'] : DEFAULT_CAUSES))
    this.methods = methods === undefined ? IDEMPOTENT : new Set(methods)
    this.perTry = milliseconds(perTryTimeout)
    // what nobody has asked for does not wait: it is for connections that have gone stale and targets that are gone
    this.#base = settings === undefined ? 0 : milliseconds(backoff.base ?? 25)
    this.#max = milliseconds(backoff.max ?? 1000)
    this.#respectsRetryAfter = respectRetryAfter
    this.#random = random
  }

  /**
   * Milliseconds to wait before the next attempt, or undefined when the upstream asks for a longer time than the
   * request may wait. Full jitter keeps clients that failed together from coming back together.
   * @param earlier     further attempts that have been made
   * @param retryAfter  the field of the response, where there is one
   * @param now         milliseconds since 1970
   */
  delay(earlier: number, retryAfter: string | undefined, now = Date.now()): number | undefined {
    const backoff = Math.round(this.#random() * Math.min(this.#max, this.#base * 2 ** earlier))
    if (retryAfter === undefined || !this.#respectsRetryAfter) return backoff
    const asked = retryAfterDelay(retryAfter, now) ?? 0
    return asked > this.#max ? undefined : Math.max(backoff, asked)
  }
}

/** The policy of a route, or null when nothing is ever tried again. */
export const retryPolicy = (settings: RetrySettings | undefined): RetryPolicy | null =>
  settings === false ? null : new RetryPolicy(settings)

/**
 * Milliseconds that a `Retry-After` field asks for: seconds, or an HTTP-date (RFC 9110, section 10.2.3). Undefined when
 * it is neither; 0 for a date that has passed.
 * @param now  milliseconds since 1970
 */
export function retryAfterDelay(value: unknown, now: number): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // Date.parse takes much else; an HTTP-date always begins with the name of a day, and is in UTC though its oldest form
  // does not say so
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/.test(value)
    ? Date.parse(value.endsWith(' GMT') ? value : `${value} GMT`)
    : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const WINDOW = 10_000

/**
 * Bounds what retries and hedges add to the load of an upstream: over the last ten seconds they are at most a share of
 * its requests, or a small number when there are few. When everything fails, each request would otherwise bring
 * several.
 */
export class RetryBudget {
  readonly #share: number
  readonly #minimum: number
  /** Requests first, retries second. */
  readonly #counts = new SlidingCounts(WINDOW)

  constructor(settings: RetrySettings | undefined) {
    const { percent = 20, minimum = 10 } = (settings || {}).budget ?? {}
    this.#share = percent / 100
    this.#minimum = minimum
  }

  /** Counts a request, once however often it is tried. @param now  milliseconds of a monotonic clock */
  countRequest(now: number): void {
    this.#counts.addFirst(now)
  }

  /** Takes one retry out of the budget. @returns whether there was one */
  take(now: number): boolean {
    if (this.#counts.second(now) >= Math.max(this.#minimum, Math.floor(this.#counts.first(now) * this.#share))) {
      return false
    }
    this.#counts.addSecond(now)
    return true
  }
}
