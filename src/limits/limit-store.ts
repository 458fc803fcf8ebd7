import { gatehouseError } from '../errors.ts'
import type { Limit } from './limit-registry.ts'
import type { OnFailure } from './limit-schema.ts'
import type { Taken } from './limiter.ts'

/** What came of asking the limits of a request. */
export interface Taking {
  /** One for each limit; null for those that need not be asked, since another refuses. */
  taken: (Taken | null)[]
  /** Says that the request is over; null when no limit wants to know. Call it once. */
  release: (() => void) | null
}

/** Where limits are counted. */
export interface LimitStore {
  /**
   * Takes the cost of a request from all limits, or from none when one of them refuses.
   * @param keys  whose request it is, for each limit
   * @returns null when nobody can count
   */
  take(limits: readonly Limit[], keys: readonly string[], cost: number): Taking | null | Promise<Taking | null>
}

/** Counts in the memory of the process. */
export class MemoryStore implements LimitStore {
  readonly #now: () => number

  constructor(now: () => number = () => Date.now()) {
    this.#now = now
  }

  take(limits: readonly Limit[], keys: readonly string[], cost: number): Taking {
    const now = this.#now()
    const taken = limits.map(({ memory }, i) => memory.take(keys[i]!, cost, now))
    const give = (matters: (limit: Limit, i: number) => boolean): void => {
      for (const [i, limit] of limits.entries()) {
        if (taken[i]!.allowed && matters(limit, i)) limit.memory.give(keys[i]!, cost)
      }
    }
    if (!taken.every(({ allowed }) => allowed)) {
      give(() => true)
      return { taken, release: null }
    }
    return { taken, release: limits.some(isConcurrency) ? () => give(isConcurrency) : null }
  }
}

export const isConcurrency = ({ rule }: Limit): boolean => rule.algorithm === 'concurrency'

/** What a gateway asks that must not let through what it cannot count. */
const closed: LimitStore = {
  take() {
    throw gatehouseError('GW_LIMITS_UNAVAILABLE', { headers: { 'retry-after': '1' } })
  },
}

/**
 * Where a gateway counts.
 * @param shared     the store that gateways share, if there is one
 * @param onFailure  what happens while that cannot count
 */
export function storeOf(shared: LimitStore | null, onFailure: OnFailure): LimitStore {
  if (shared === null) return new MemoryStore()
  // while the shared store cannot count, at most one further limit passes for each gateway
  const fallback = onFailure === 'closed' ? closed : new MemoryStore()
  return {
    take(limits, keys, cost) {
      const taking = shared.take(limits, keys, cost)
      if (taking instanceof Promise) return taking.then((result) => result ?? fallback.take(limits, keys, cost))
      return taking ?? fallback.take(limits, keys, cost)
    },
  }
}
