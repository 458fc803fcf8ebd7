import { gatehouseError } from '../errors.ts'
import type { OnFailure } from './limit-schema.ts'
import { type LimitStore, MemoryStore } from './limit-store.ts'

/**
 * The store that a gateway counts in: Redis, and what happens while Redis is away.
 * @param redis      the shared store; null when none is configured
 * @param onFailure  `open`: this process counts in its own memory, so each process lets at most one further limit pass.
 *   `closed`: every request is rejected
 */
export function withFallback(redis: LimitStore | null, onFailure: OnFailure): LimitStore {
  if (redis === null) return new MemoryStore()
  const fallback = onFailure === 'closed' ? REJECTING : new MemoryStore()
  return {
    take(limits, keys, cost) {
      const taking = redis.take(limits, keys, cost)
      if (taking instanceof Promise) return taking.then((result) => result ?? fallback.take(limits, keys, cost))
      return taking ?? fallback.take(limits, keys, cost)
    },
  }
}

const REJECTING: LimitStore = {
  take() {
    throw gatehouseError('GW_LIMITS_UNAVAILABLE', { headers: { 'retry-after': '1' } })
  },
}
