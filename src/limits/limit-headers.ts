import type { Taken } from './limiter.ts'
import type { LimitRule } from './limit-schema.ts'

/** The state of a limit after a request. */
export interface LimitState {
  capacity: number
  taken: Taken
}

/**
 * A string of a structured field (RFC 9651, section 3.3.3). It allows only ASCII, so other characters are
 * percent-encoded.
 */
const quoted = (name: string): string =>
  `"${name
    .toWellFormed()
    .replace(/[^\x20-\x7e]+/g, encodeURIComponent)
    .replace(/[\\"]/g, '\\$&')}"`

const wholeSeconds = (ms: number): number => Math.max(1, Math.round(ms / 1000))

/**
 * `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: every limit in force, with its window in whole seconds. The
 * window of a token bucket is the time in which it fills. A month has no fixed length, so it states none.
 */
export const policyHeader = (rules: readonly LimitRule[]): string => rules.map(policy).join(', ')

function policy({ name, algorithm, max, windowMs, burst = max, per }: LimitRule): string {
  switch (algorithm) {
    case 'concurrency':
      return `${quoted(name)};q=${max};qu="concurrent-requests"`
    case 'quota':
      return `${quoted(name)};q=${max}${per === 'day' ? ';w=86400' : ''}`
    case 'token-bucket':
      return `${quoted(name)};q=${burst};w=${wholeSeconds((burst * windowMs) / max)}`
    default:
      return `${quoted(name)};q=${max};w=${wholeSeconds(windowMs)}`
  }
}

/** The constant beginning of a `RateLimit` header of the same draft; `stateHeader` completes it. */
export const statePrefix = ({ name }: LimitRule): string => `${quoted(name)};r=`

/** The `RateLimit` header. @param prefix  the result of `statePrefix` */
export const stateHeader = (prefix: string, { remaining, resetMs }: Taken): string =>
  resetMs === 0 ? `${prefix}${remaining}` : `${prefix}${remaining};t=${Math.ceil(resetMs / 1000)}`

/** `Retry-After` in seconds (RFC 9110, section 10.2.3). Never 0: the client would be refused again. */
export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))

/** Whether a limit refuses for longer than another one, or has a smaller share left. */
export function isTighter(one: LimitState, other: LimitState): boolean {
  if (one.taken.allowed !== other.taken.allowed) return !one.taken.allowed
  if (!one.taken.allowed) return one.taken.retryAfterMs > other.taken.retryAfterMs
  return one.taken.remaining / one.capacity < other.taken.remaining / other.capacity
}
