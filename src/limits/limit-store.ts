import type { Limit } from './limit-registry.ts'
import type { Taken } from './limiter.ts'

/** The answer of a store about the limits of one request. */
export interface Taking {
  /** One for each limit; null for limits that were not asked because another one refused. */
  taken: (Taken | null)[]
  /** Ends the request, for limits on concurrency; null when there are none. Call it once. */
  release: (() => void) | null
}

/** Where limits are counted. */
export interface LimitStore {
  /**
   * Takes the cost of a request from all limits, or from none when one of them refuses.
   * @param keys  the key of the request for each limit
   * @returns null when the store cannot count
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
