import type { Cluster, Redis } from 'ioredis'
import { BlockedKeys } from './blocked-keys.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { Limit } from './limit-registry.ts'
import type { LimitRule } from './limit-schema.ts'
import { LEASE_MS, RENEW, type ScriptRule, scriptRule, TAKE } from './limit-script.ts'
import { isConcurrency, type LimitStore, type Taking } from './limit-store.ts'
import type { Taken } from './limiter.ts'
import type { FastifyBaseLogger } from 'fastify'
import { connectRedis, type RedisConnection } from '../redis/redis-client.ts'
import type { RedisSettings } from '../redis/redis-schema.ts'

/** Most keys past their limit that this process remembers. */
const BLOCKED = 10_000
/** How many milliseconds requests wait for the first connection, and how many requests may wait. */
const OPENING = 2000
const MOST_WAITING = 10_000

type Word = string | number
type ScriptedRedis = (Redis | Cluster) & {
  gatehouseTake(keys: number, ...words: Word[]): Promise<number[]>
  gatehouseRenew(keys: number, ...words: Word[]): Promise<null>
}

export interface RedisStoreOptions {
  /** Called when Redis begins to answer with errors, for example because it is full or read-only. */
  onError?: (error: Error) => void
  /** Milliseconds since 1970, for the calendar and for remembered refusals. */
  now?: () => number
  /** The clock of the limits. Default: `redis`, so that clocks of gateways need not agree; `now` is for tests. */
  clock?: 'redis' | 'now'
}

/** Counts in Redis, for several gateways: one atomic script a request, however many limits it has. */
export class RedisStore implements LimitStore {
  readonly #redis: ScriptedRedis
  readonly #onError: (error: Error) => void
  readonly #now: () => number
  readonly #ownClock: boolean
  readonly #rules = new WeakMap<LimitRule, ScriptRule>()
  readonly #blocked = new BlockedKeys(BLOCKED)
  readonly #leases: LeaseKeeper
  /** Whether the last answer of Redis was an error. */
  #failing = false
  /**
   * Whether the first connection was made, or has failed. Requests wait for the first connection only.
   */
  #isDecided = false
  /** Resolves when it is known whether there is a connection. */
  #opening: Promise<void> | null = null
  #waiting = 0

  constructor(
    redis: Redis | Cluster,
    { onError = () => {}, now = () => Date.now(), clock = 'redis' }: RedisStoreOptions = {},
  ) {
    redis.defineCommand('gatehouseTake', { lua: TAKE })
    redis.defineCommand('gatehouseRenew', { lua: RENEW })
    this.#redis = redis as ScriptedRedis
    this.#onError = onError
    this.#now = now
    this.#ownClock = clock === 'now'
    this.#leases = new LeaseKeeper({
      renew: (leases) => {
        this.#redis
          .gatehouseRenew(leases.length, ...leases.map(([key]) => key), LEASE_MS, ...leases.map(([, id]) => id))
          .catch(() => {})
      },
      end: (key, id) => {
        this.#redis.zrem(key, id).catch(() => {})
      },
    })
  }

  take(limits: readonly Limit[], keys: readonly string[], cost: number): Taking | null | Promise<Taking | null> {
    if (this.#redis.status !== 'ready') {
      // refusals of Redis do not hold for the fallback
      if (this.#blocked.size > 0) this.#blocked.clear()
      const { status } = this.#redis
      if (status === 'wait') this.#redis.connect().catch(() => {})
      else if (status !== 'connecting' && status !== 'connect') return null
      if (this.#isDecided || this.#waiting >= MOST_WAITING) return null
      this.#waiting++
      return this.#opened().then(() => {
        this.#waiting--
        return this.#redis.status === 'ready' ? this.take(limits, keys, cost) : null
      })
    }
    this.#isDecided = true
    const now = this.#now()
    const rules = limits.map(({ rule }) => this.#rule(rule))
    const names = rules.map((rule, i) => rule.prefix(now) + keys[i]!)
    const known = names.map((name) => this.#blocked.refusal(name, cost, now))
    if (known.some((taken) => taken !== null)) return { taken: known, release: null }
    const id = limits.some(isConcurrency) ? this.#leases.newId() : ''
    return this.#redis
      .gatehouseTake(
        names.length,
        ...names,
        this.#ownClock ? now : -1,
        cost,
        ...rules.flatMap((rule) => rule.words(now, id)),
      )
      .then(
        (answer) => this.#taking(limits, names, id, cost, now, answer),
        (error: Error) => {
          if (error.name === 'ReplyError' && !this.#failing) {
            this.#failing = true
            this.#onError(error)
          }
          return null
        },
      )
  }

  close(): void {
    this.#leases.close()
  }

  /** Waits until the first connection is made, has failed, or takes too long. */
  #opened(): Promise<void> {
    if (this.#opening !== null) return this.#opening
    const redis = this.#redis
    const { promise, resolve } = Promise.withResolvers<void>()
    // an event loop that was busy may not have read the answer of Redis yet
    const timer = setTimeout(() => setImmediate(resolve), OPENING).unref()
    const events = ['ready', 'close', 'end']
    for (const event of events) redis.once(event, resolve)
    this.#opening = promise.finally(() => {
      this.#isDecided = true
      clearTimeout(timer)
      for (const event of events) redis.off(event, resolve)
      this.#opening = null
    })
    return this.#opening
  }

  #rule(rule: LimitRule): ScriptRule {
    let found = this.#rules.get(rule)
    if (found === undefined) this.#rules.set(rule, (found = scriptRule(rule)))
    return found
  }

  #taking(
    limits: readonly Limit[],
    names: readonly string[],
    id: string,
    cost: number,
    now: number,
    answer: readonly number[],
  ): Taking {
    this.#failing = false
    const taken = limits.map((limit, i): Taken => {
      const [allowed, remaining, resetMs, retryAfterMs] = answer.slice(4 * i, 4 * i + 4) as [
        number,
        number,
        number,
        number,
      ]
      const result = { allowed: allowed === 1, remaining, resetMs, retryAfterMs }
      // places of concurrency limits can come back at any time
      if (!result.allowed && !isConcurrency(limit)) this.#blocked.note(names[i]!, cost, now, result)
      return result
    })
    if (id === '' || !taken.every(({ allowed }) => allowed)) return { taken, release: null }
    const ends = names.filter((_, i) => isConcurrency(limits[i]!)).map((name) => this.#leases.hold(name, id))
    return {
      taken,
      release: () => {
        for (const end of ends) end()
      },
    }
  }
}

/** A connection to Redis, and the store that counts over it. */
export interface RedisLimits extends RedisConnection {
  store: RedisStore
}

/**
 * Creates both. `client.connect()` makes the connection. This file is loaded only with `redis`, since the client is a
 * large package.
 */
export function redisLimits(settings: RedisSettings, log: FastifyBaseLogger): RedisLimits {
  const { client, close } = connectRedis(settings, log)
  const store = new RedisStore(client, {
    onError: ({ message }) =>
      log.error(
        { reason: message },
        'Redis answers errors: each gateway counts limits by itself until it does no more',
      ),
  })
  return {
    client,
    store,
    close() {
      store.close()
      close()
    },
  }
}
