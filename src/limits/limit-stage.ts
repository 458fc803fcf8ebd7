import { isTighter, type LimitState } from './limit-headers.ts'
import type { KeyedRequest } from './limit-key.ts'
import type { Limit } from './limit-registry.ts'
import { isConcurrency, type LimitStore, type Taking } from './limit-store.ts'
import type { Taken } from './limiter.ts'

/** What the limits say of a request. */
export interface Verdict {
  /** The tightest of them with what it says; null when nobody could count. */
  state: (LimitState & { limit: Limit }) | null
  /** Says that the request is over; null when no limit wants to know. */
  release: (() => void) | null
}

type Outcome = Verdict | null | Promise<Verdict | null>

/** Asks the limits of a request; null when none of them is about it. */
export type LimitStage = (request: KeyedRequest, cost: number) => Outcome

/** What happened to a request that nobody could count. */
const UNCOUNTED: Verdict = { state: null, release: null }

/** Asks one limit in memory: the way of most requests, without a promise or a list. */
export function oneInMemory(limit: Limit, now: () => number = Date.now): LimitStage {
  const { keyOf, isExempt, memory, capacity } = limit
  const concurrent = isConcurrency(limit)
  return (request, cost) => {
    if (isExempt !== null && isExempt(request)) return null
    const key = keyOf(request)
    const taken = memory.take(key, cost, now())
    return {
      state: { limit, capacity, taken },
      release: concurrent && taken.allowed ? () => memory.give(key, 1) : null,
    }
  }
}

/** Asks several limits, or one that is not in memory. */
export function limitStage(limits: readonly Limit[], store: LimitStore): LimitStage {
  const mayExempt = limits.some(({ isExempt }) => isExempt !== null)
  return (request, cost) => {
    const asked = mayExempt ? limits.filter(({ isExempt }) => !isExempt?.(request)) : limits
    if (asked.length === 0) return null
    const taking = store.take(
      asked,
      asked.map(({ keyOf }) => keyOf(request)),
      cost,
    )
    return taking instanceof Promise ? taking.then((result) => verdictOf(asked, result)) : verdictOf(asked, taking)
  }
}

function verdictOf(limits: readonly Limit[], taking: Taking | null): Verdict {
  if (taking === null) return UNCOUNTED
  let tightest: Verdict['state'] = null
  for (let i = 0; i < limits.length; i++) {
    const taken: Taken | null = taking.taken[i]!
    if (taken === null) continue
    const state = { limit: limits[i]!, capacity: limits[i]!.capacity, taken }
    if (tightest === null || isTighter(state, tightest)) tightest = state
  }
  return { state: tightest, release: taking.release }
}
