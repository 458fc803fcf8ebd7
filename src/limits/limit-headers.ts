import type { LimitRule } from './limit-schema.ts'

/** What is left of a limit. */
export interface LimitState {
  rule: LimitRule
  remaining: number
  /** Seconds until the window begins anew. */
  resetSeconds: number
  exceeded: boolean
}

/** A structured-field string (RFC 9651, section 3.3.3); it takes ASCII alone, so that other characters are percent-encoded. */
const quoted = (name: string): string =>
  `"${name.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent).replace(/[\\"]/g, '\\$&')}"`

/** `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: every limit in force; the window is in whole seconds. */
export const policyHeader = (rules: readonly LimitRule[]): string =>
  rules.map(({ name, max, windowMs }) => `${quoted(name)};q=${max};w=${Math.max(1, Math.round(windowMs / 1000))}`).join(', ')

/** `RateLimit` of the same draft as far as it is known beforehand; `stateHeader` completes it. */
export const statePrefix = ({ name }: LimitRule): string => `${quoted(name)};r=`

/** @param prefix  what `statePrefix` has made of the rule */
export const stateHeader = (prefix: string, remaining: number, resetSeconds: number): string =>
  `${prefix}${remaining};t=${resetSeconds}`

/** `Retry-After` in seconds (RFC 9110, section 10.2.3): never 0, which would invite the next refusal. */
export const retryAfter = (resetSeconds: number): string => String(Math.max(1, resetSeconds))

/** The limit that stops the consumer longest, or else will stop it first: that with the least share left. */
export function tightest (states: readonly LimitState[]): LimitState {
  let found = states[0]!
  for (const state of states) if (isTighter(state, found)) found = state
  return found
}

function isTighter (one: LimitState, other: LimitState): boolean {
  if (one.exceeded !== other.exceeded) return one.exceeded
  if (one.exceeded) return one.resetSeconds > other.resetSeconds
  return one.remaining / one.rule.max < other.remaining / other.rule.max
}
