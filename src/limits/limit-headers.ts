import type { LimitRule } from './limit-schema.ts'

/** What is left of a limit. */
export interface LimitState {
  rule: LimitRule
  remaining: number
  /** Seconds until the window begins anew. */
  resetSeconds: number
  exceeded: boolean
}

/** A structured-field string (RFC 9651, section 3.3.3). */
const quoted = (name: string): string => `"${name.replace(/[\\"]/g, '\\$&')}"`

/** `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: every limit in force. */
export const policyHeader = (rules: readonly LimitRule[]): string =>
  rules.map(({ name, max, windowMs }) => `${quoted(name)};q=${max};w=${Math.max(1, Math.round(windowMs / 1000))}`).join(', ')

/** `RateLimit` of the same draft: what is left of the tightest limit. */
export const stateHeader = ({ rule, remaining, resetSeconds }: LimitState): string =>
  `${quoted(rule.name)};r=${remaining};t=${resetSeconds}`

/** The limit that will stop the consumer first. */
export function tightest (states: readonly LimitState[]): LimitState {
  let found = states[0]!
  for (const state of states) {
    if (state.exceeded !== found.exceeded ? state.exceeded : state.exceeded ? state.resetSeconds > found.resetSeconds : state.remaining / state.rule.max < found.remaining / found.rule.max) found = state
  }
  return found
}
