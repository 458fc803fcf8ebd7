/** What a policy knows of a target. */
export interface Candidate {
  /** Origin and base path: the same for the same target, whatever else changes. */
  readonly id: string
  /** Share of the requests, above 0. */
  readonly weight: number
  /** Requests under way. */
  readonly inFlight: number
}

/**
 * A balancing policy: one for each upstream.
 * @typeParam R  what a request is to policies that look at it
 */
export interface Balancer<T extends Candidate, R = unknown> {
  /** Chooses the target of an attempt. @param candidates  those that can take it; never empty */
  select (candidates: readonly T[], request: R): T
}
