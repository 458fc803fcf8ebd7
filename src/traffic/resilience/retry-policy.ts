import { milliseconds } from '../../units.ts'
import { FailureSet } from './failure-set.ts'
import { DEFAULT_CAUSES, type RetrySettings } from './resilience-schema.ts'

/** Idempotent methods (RFC 9110, section 9.2.2; QUERY: RFC 10008). */
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

/** When a request of a route is retried, and after which delay. */
export class RetryPolicy {
  /** Most further attempts. */
  readonly attempts: number
  /**
   * Whether a target that cannot be reached costs no attempt, and is not tried twice. This is the default without
   * `retries`.
   */
  readonly failsOver: boolean
  readonly on: FailureSet
  /** Methods that are retried. */
  readonly methods: ReadonlySet<string>
  /** Milliseconds until the head of an attempt's response; 0 for no limit. */
  readonly perTry: number
  readonly #base: number
  readonly #max: number
  readonly #respectsRetryAfter: boolean
  readonly #random: () => number

  /** @param settings  undefined for the default */
  constructor(settings: Exclude<RetrySettings, false> | undefined, random: () => number = Math.random) {
    const { attempts, on, methods, backoff = {}, respectRetryAfter = true, perTryTimeout = 0 } = settings ?? {}
    this.failsOver = settings === undefined
    this.attempts = attempts ?? (settings === undefined ? 1 : 2)
    this.on = new FailureSet(on ?? (settings === undefined ? ['connect', 'reset'] : DEFAULT_CAUSES))
    this.methods = methods === undefined ? IDEMPOTENT : new Set(methods)
    this.perTry = milliseconds(perTryTimeout)
    // the default does not wait: it is for stale connections and targets that cannot be reached
    this.#base = settings === undefined ? 0 : milliseconds(backoff.base ?? 25)
    this.#max = milliseconds(backoff.max ?? 1000)
    this.#respectsRetryAfter = respectRetryAfter
    this.#random = random
  }

  /**
   * Milliseconds to wait before the next attempt; undefined when the upstream asks for a longer time than the request may
   * wait. Full jitter keeps requests that failed together from coming back together.
   * @param earlier     retries so far
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

/** Compiles the policy of a route; null when nothing is retried. */
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
  // Date.parse accepts other formats too. An HTTP-date begins with the name of a day, and is always in UTC, although its
  // oldest form does not state that.
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/.test(value)
    ? Date.parse(value.endsWith(' GMT') ? value : `${value} GMT`)
    : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const WINDOW = 10_000

/**
 * Bounds the load that retries and hedges add to an upstream: in the last ten seconds at most a share of its requests,
 * or a small number when there are few requests. Otherwise an outage would multiply the load.
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

  /** Counts a request, once for all its attempts. @param now  milliseconds of a monotonic clock */
  countRequest(now: number): void {
    this.#counts.addFirst(now)
  }

  /** Takes one retry out of the budget; false when there is none left. */
  take(now: number): boolean {
    if (this.#counts.second(now) >= Math.max(this.#minimum, Math.floor(this.#counts.first(now) * this.#share))) {
      return false
    }
    this.#counts.addSecond(now)
    return true
  }
}

const SLOTS = 10

/** Counts two kinds of events in a sliding window, which moves in tenths of its length. */
export class SlidingCounts {
  readonly #slotLength: number
  readonly #firstBySlot = new Float64Array(SLOTS)
  readonly #secondBySlot = new Float64Array(SLOTS)
  #slot = 0
  #first = 0
  #second = 0

  /** @param window  milliseconds */
  constructor(window: number) {
    this.#slotLength = window / SLOTS
  }

  /** @param now  milliseconds of a clock that never goes back */
  addFirst(now: number): void {
    this.#advance(now)
    this.#first++
    this.#firstBySlot[this.#slot % SLOTS]!++
  }

  addSecond(now: number): void {
    this.#advance(now)
    this.#second++
    this.#secondBySlot[this.#slot % SLOTS]!++
  }

  /** Events of the first kind in the window. */
  first(now: number): number {
    this.#advance(now)
    return this.#first
  }

  second(now: number): number {
    this.#advance(now)
    return this.#second
  }

  clear(): void {
    this.#firstBySlot.fill(0)
    this.#secondBySlot.fill(0)
    this.#first = this.#second = 0
  }

  #advance(now: number): void {
    const slot = Math.floor(now / this.#slotLength)
    if (slot <= this.#slot) return
    for (let passed = Math.min(slot - this.#slot, SLOTS); passed > 0; passed--) {
      const expired = (slot - passed + 1) % SLOTS
      this.#first -= this.#firstBySlot[expired]!
      this.#second -= this.#secondBySlot[expired]!
      this.#firstBySlot[expired] = this.#secondBySlot[expired] = 0
    }
    this.#slot = slot
  }
}
