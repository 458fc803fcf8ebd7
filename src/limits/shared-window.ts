import type { CreateRateLimitOptions, FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Limit } from './limit-registry.ts'
import type { LimitStage } from './limit-stage.ts'
import type { LimitStore } from './limit-store.ts'

/**
 * Asks a fixed window that gateways share over @fastify/rate-limit: its limiter, with our key and our store.
 *
 * Exemptions are checked before, since the package makes the key of a request first, and a key function that throws
 * would refuse an exempt request.
 */
export function sharedWindow(limit: Limit, createRateLimit: FastifyInstance['createRateLimit']): LimitStage {
  const { isExempt, capacity, keyOf, rule } = limit
  const options = { max: rule.max, timeWindow: rule.windowMs, keyGenerator: keyOf, limit }
  const check = createRateLimit(options as CreateRateLimitOptions)
  return async (request) => {
    if (isExempt?.(request)) return null
    try {
      const { isExceeded, remaining, ttl } = (await check(request as FastifyRequest)) as Checked
      const taken = { allowed: !isExceeded, remaining, resetMs: ttl, retryAfterMs: isExceeded ? ttl : 0 }
      return { state: { limit, capacity, taken }, release: null }
    } catch (error) {
      if (error === NOT_COUNTED) return { state: null, release: null }
      throw error
    }
  }
}

/** What the package returns for a request that is not on its allow list. */
interface Checked {
  isExceeded: boolean
  remaining: number
  ttl: number
}

type Counted = (error: Error | null, result?: { current: number; ttl: number }) => void

/** Made once: while Redis is away, each request would otherwise pay for a stack trace that nobody reads. */
const NOT_COUNTED = new Error('the store could not count')

/**
 * Our store as @fastify/rate-limit takes it. Each limiter passes its `limit` among its options. Other limits of the same
 * request count in the same store, so a limit has one count, whether it stands alone or beside others.
 */
export function windowStore(store: LimitStore): FastifyRateLimitStoreCtor {
  class WindowStore {
    readonly #limit: Limit | undefined

    constructor({ limit }: { limit?: Limit }) {
      this.#limit = limit
    }

    incr(key: string, callback: Counted): void {
      const limit = this.#limit!
      const report = (taking: Awaited<ReturnType<LimitStore['take']>>): void => {
        const taken = taking?.taken[0]
        if (!taken) return callback(NOT_COUNTED)
        const { max } = limit.rule
        callback(null, { current: taken.allowed ? max - taken.remaining : max + 1, ttl: taken.resetMs })
      }
      try {
        const taking = store.take([limit], [key], 1)
        if (taking instanceof Promise) taking.then(report).catch(callback)
        else report(taking)
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
