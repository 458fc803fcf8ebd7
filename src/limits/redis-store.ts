import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { Redis } from 'ioredis'
import type { LimitRule } from './limit-schema.ts'

/**
 * Counts a request, and starts the window with the first; one step for Redis, so that no crash leaves a count that never
 * ends. A count without an end, whoever left it, gets one.
 */
const TAKE = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}
`

type Counted = (error: Error | null, result?: { current: number, ttl: number }) => void
interface CountingRedis extends Redis {
  gatehouseTake (key: string, windowMs: number, done: (error: Error | null, result: [number, number]) => void): void
}

/** Made once: while Redis is away, each request would otherwise pay for a stack that nobody reads. */
const AWAY = new Error('Redis is away')

/**
 * The key of a count. Names may hold any character, so they are encoded: no two of them can meet. The window belongs to
 * it, so that a changed limit does not inherit the end of the old one.
 */
export const redisKey = ({ name, windowMs }: LimitRule, key: string): string => `${redisPrefix(name, windowMs)}${key}`
const redisPrefix = (name: string, windowMs: number): string => `gatehouse:limit:${encodeURIComponent(name.toWellFormed())}:${windowMs}:`

/** The store of @fastify/rate-limit for limits that several gateways share; each limiter states its `rule` among its options. */
export function redisLimitStore (redis: Redis): FastifyRateLimitStoreCtor {
  redis.defineCommand('gatehouseTake', { numberOfKeys: 1, lua: TAKE })
  class RedisLimitStore {
    readonly #prefix: string

    constructor ({ rule }: { rule?: LimitRule }) {
      this.#prefix = rule === undefined ? '' : redisPrefix(rule.name, rule.windowMs)
    }

    incr (key: string, callback: Counted, timeWindow: number): void {
      if (redis.status !== 'ready') {
        if (redis.status === 'wait') redis.connect().catch(() => {})
        callback(AWAY)
        return
      }
      (redis as CountingRedis).gatehouseTake(this.#prefix + key, timeWindow, (error, result) => {
        if (error) callback(error)
        else callback(null, { current: result[0], ttl: result[1] })
      })
    }

    child (options: object): FastifyRateLimitStore {
      return new RedisLimitStore(options) as unknown as FastifyRateLimitStore
    }
  }
  return RedisLimitStore as unknown as FastifyRateLimitStoreCtor
}
