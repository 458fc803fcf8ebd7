import type { IncomingHttpHeaders } from 'node:http'

/** What a policy knows about a target. */
export interface Candidate {
  /** Origin and base path, which identify the target across changes. */
  readonly id: string
  /** Share of the requests, above 0. */
  readonly weight: number
  /** Requests in flight. */
  readonly inFlight: number
}

/** The parts of a request that a policy may read. */
export interface BalancedRequest {
  /** The client's address. */
  readonly ip: string
  /** `https` or `http`, as the client sent it. */
  readonly protocol: string
  readonly headers: IncomingHttpHeaders
  /** Null for an anonymous client. */
  readonly consumer: { readonly id: string } | null
  /** `url` is the canonical path, with the query. */
  readonly raw: { readonly url?: string }
}

/** Gets the results of the attempts at one target, for policies that learn from them. */
export interface AttemptWatch {
  /** @param firstByte  milliseconds until the head of the response came */
  answered(status: number, firstByte: number): void
  /** @param failure  null when the response was complete; `cancelled` is not the target's fault */
  ended(status: number, failure: string | null): void
  describe(): Record<string, unknown>
}

/** A balancing policy: one for each upstream. */
export interface Balancer<T extends Candidate> {
  /** Chooses the target of an attempt. @param candidates  the available targets; never empty */
  select(candidates: readonly T[], request: BalancedRequest): T
  /** Watches every attempt at a target; absent or undefined for policies that learn nothing. */
  watch?(target: T): AttemptWatch | undefined
}

/** The available targets with the lowest priority number. The others are backups. */
export function firstLevel<T extends { readonly priority: number }>(available: readonly T[]): readonly T[] {
  let first = Infinity
  let isMixed = false
  for (const { priority } of available) {
    isMixed ||= first !== Infinity && priority !== first
    if (priority < first) first = priority
  }
  return isMixed ? available.filter(({ priority }) => priority === first) : available
}
