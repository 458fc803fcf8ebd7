import type { Target } from './target.ts'

/**
 * What the traffic engine has decided: a word of the field, such as `ejected`, `opened`, `retried`, `fell_back`,
 * `queue_full`.
 */
export type DecisionName = string

/** Tells of a decision: one log line and one count. @param target  null when it is about the upstream as a whole */
export type ReportDecision = (
  decision: DecisionName,
  upstream: string,
  target: Pick<Target, 'id'> | null,
  details?: object,
) => void
