import type { IncomingHttpHeaders } from 'node:http'

/** What a policy knows of a target. */
export interface Candidate {
  /** Origin and base path: the same for the same target, whatever else changes. */
  readonly id: string
  /** Share of the requests, above 0. */
  readonly weight: number
  /** Requests under way. */
  readonly inFlight: number
}

/** What of a request a policy may look at. */
export interface BalancedRequest {
  /** The client's address. */
  readonly ip: string
  /** `https` or `http`, as the client has it. */
  readonly protocol: string
  readonly headers: IncomingHttpHeaders
  /** Who calls; null when that is not known. */
  readonly consumer: { readonly id: string } | null
  /** `url` is the canonical path, with the query. */
  readonly raw: { readonly url?: string }
}

/** Hears how the attempts at one target go, for a policy that learns from them. */
export interface AttemptWatch {
  /** @param firstByte  milliseconds until the head of the response came */
  answered(status: number, firstByte: number): void
  /** @param failure  null when the response came whole; `cancelled` says nothing about the target */
  ended(status: number, failure: string | null): void
  describe(): Record<string, unknown>
}

/** A balancing policy: one for each upstream. */
export interface Balancer<T extends Candidate> {
  /** Chooses the target of an attempt. @param candidates  those that can take it; never empty */
  select(candidates: readonly T[], request: BalancedRequest): T
  /** What must hear of every attempt at the target; absent or undefined for policies that learn nothing. */
  watch?(target: T): AttemptWatch | undefined
}

/** The targets of the lowest priority number there is among those that can be had: the others are backups. */
export function firstLevel<T extends { readonly priority: number }>(available: readonly T[]): readonly T[] {
  let first = Infinity
  let isMixed = false
  for (const { priority } of available) {
    isMixed ||= first !== Infinity && priority !== first
    if (priority < first) first = priority
  }
  return isMixed ? available.filter(({ priority }) => priority === first) : available
}
