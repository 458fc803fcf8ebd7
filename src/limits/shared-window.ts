import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import type { Limit } from './limit-registry.ts'
import type { LimitStage } from './limit-stage.ts'
import type { LimitStore } from './limit-store.ts'

type Counted = (error: Error | null, result?: { current: number; ttl: number }) => void

/**
 * Nobody could count. Made once: while Redis is away, each request would otherwise pay for a stack that nobody reads.
 */
const NOT_COUNTED = new Error('nobody could count')

/**
 * The store of @fastify/rate-limit for fixed windows that several gateways share: each limiter states its `limit` among
 * its options. The counts are those that other stages see, so that a limit may stand alone here and beside others
 * there.
 */
export function windowStore(store: LimitStore): FastifyRateLimitStoreCtor {
  class WindowStore {
    readonly #limit: Limit | undefined

    constructor({ limit }: { limit?: Limit }) {
      this.#limit = limit
    }

    incr(key: string, callback: Counted): void {
      const limit = this.#limit!
      const tell = (taking: Awaited<ReturnType<LimitStore['take']>>): void => {
        const taken = taking?.taken[0]
        if (!taken) callback(NOT_COUNTED)
        else {
          callback(null, {
            current: taken.allowed ? limit.rule.max - taken.remaining : limit.rule.max + 1,
            ttl: taken.resetMs,
          })
        }
      }
      try {
        const taking = store.take([limit], [key], 1)
        if (taking instanceof Promise) taking.then(tell).catch(callback)
        else tell(taking)
      } catch (error) {
        callback(error as Error)
      }
    }

    child(options: object): FastifyRateLimitStore {
      return new WindowStore(options) as unknown as FastifyRateLimitStore
    }
  }
  return WindowStore as unknown as FastifyRateLimitStoreCtor
}

/** Asks a fixed window over @fastify/rate-limit. */
export function sharedWindow(limit: Limit, limiter: (request: FastifyRequest) => Promise<unknown>): LimitStage {
  const { isExempt, capacity } = limit
  return async (request) => {
    if (isExempt?.(request)) return null
    try {
      const { isExceeded, remaining, ttl } = (await limiter(request as FastifyRequest)) as {
        isExceeded: boolean
        remaining: number
        ttl: number
      }
      return {
        state: {
          limit,
          capacity,
          taken: { allowed: !isExceeded, remaining, resetMs: ttl, retryAfterMs: isExceeded ? ttl : 0 },
        },
        release: null,
      }
    } catch (error) {
      if (error === NOT_COUNTED) return { state: null, release: null }
      throw error
    }
  }
}
