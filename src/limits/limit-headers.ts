import type { Taken } from './limiter.ts'
import type { LimitRule } from './limit-schema.ts'

/** What is left of a limit. */
export interface LimitState {
  capacity: number
  taken: Taken
}

/**
 * A structured-field string (RFC 9651, section 3.3.3); it takes ASCII alone, so that other characters are
 * percent-encoded.
 */
const quoted = (name: string): string =>
  `"${name
    .toWellFormed()
    .replace(/[^\x20-\x7e]+/g, encodeURIComponent)
    .replace(/[\\"]/g, '\\$&')}"`

const wholeSeconds = (ms: number): number => Math.max(1, Math.round(ms / 1000))

/**
 * `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: every limit in force; the window is in whole seconds.
 * That of a token bucket is what it takes to fill. Months have no length to state.
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

/** `RateLimit` of the same draft as far as it is known beforehand; `stateHeader` completes it. */
export const statePrefix = ({ name }: LimitRule): string => `${quoted(name)};r=`

/** @param prefix  what `statePrefix` has made of the rule */
export const stateHeader = (prefix: string, { remaining, resetMs }: Taken): string =>
  resetMs === 0 ? `${prefix}${remaining}` : `${prefix}${remaining};t=${Math.ceil(resetMs / 1000)}`

/** `Retry-After` in seconds (RFC 9110, section 10.2.3): never 0, which would invite the next refusal. */
export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))

/** Whether a limit stops the consumer for longer, or else will stop it first: that with the lesser share left. */
export function isTighter(one: LimitState, other: LimitState): boolean {
  if (one.taken.allowed !== other.taken.allowed) return !one.taken.allowed
  if (!one.taken.allowed) return one.taken.retryAfterMs > other.taken.retryAfterMs
  return one.taken.remaining / one.capacity < other.taken.remaining / other.capacity
}
