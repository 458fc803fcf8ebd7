import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Redis } from 'ioredis'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import type { LimitRule } from '../../src/limits/limit-schema.ts'
import { type LimitStore, MemoryStore, type Taking } from '../../src/limits/limit-store.ts'
import type { Taken } from '../../src/limits/limiter.ts'
import { RedisStore } from '../../src/limits/redis-limit-store.ts'
import { needsRedis, startRedisClient } from '../redis/redis-server.ts'

/** Monday noon, UTC. */
const NOON = Date.UTC(2026, 10, 23, 12)
const clock = { now: NOON }

interface Subject {
  take(key: string, cost?: number): Promise<Taken>
  store: LimitStore
  taking(key: string): Promise<Taking>
}

/** A store of its own for each rule, under the clock of the tests. */
function subject(store: () => LimitStore, rule: Partial<LimitRule>): Subject {
  clock.now = NOON
  const limit = new LimitRegistry(1000).limit(
    { name: randomUUID(), algorithm: 'fixed', max: 3, windowMs: 1000, by: 'consumer', ...rule },
    'test',
  )
  const own = store()
  const taking = async (key: string, cost = 1): Promise<Taking> => (await own.take([limit], [key], cost))!
  return { store: own, taking, take: async (key, cost) => (await taking(key, cost)).taken[0]! }
}

const refusals = async (subject: Subject, count: number): Promise<number> => {
  let refused = 0
  for (let i = 0; i < count; i++) if (!(await subject.take('a')).allowed) refused++
  return refused
}

function contract(storeName: string, store: () => LimitStore): void {
  const ALL: [string, Partial<LimitRule>][] = [
    ['fixed', {}],
    ['sliding', { algorithm: 'sliding' }],
    ['token-bucket', { algorithm: 'token-bucket' }],
    ['concurrency', { algorithm: 'concurrency', windowMs: 0 }],
    ['quota', { algorithm: 'quota', windowMs: 0, per: 'day' }],
  ]
  for (const [name, rule] of ALL) {
    test(`${name} in ${storeName}: allows as many as the limit, each key by itself`, async () => {
      const limiter = subject(store, rule)
      assert.deepEqual(
        [await limiter.take('a'), await limiter.take('a'), await limiter.take('a')].map(
          ({ allowed, remaining, retryAfterMs }) => [allowed, remaining, retryAfterMs],
        ),
        [
          [true, 2, 0],
          [true, 1, 0],
          [true, 0, 0],
        ],
      )
      const refused = await limiter.take('a')
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0])
      assert.ok(refused.retryAfterMs > 0)
      assert.deepEqual((await limiter.take('b')).remaining, 2)
    })

    test(`${name} in ${storeName}: of several at once, exactly the limit passes`, async () => {
      const limiter = subject(store, { ...rule, max: 7 })
      const taken = await Promise.all(Array.from({ length: 50 }, () => limiter.take('a')))
      assert.equal(taken.filter(({ allowed }) => allowed).length, 7)
    })

    if (name === 'concurrency') continue
    test(`${name} in ${storeName}: a request may cost more, and a refused one costs nothing`, async () => {
      const limiter = subject(store, rule)
      assert.equal((await limiter.take('a', 2)).remaining, 1)
      const refused = await limiter.take('a', 2)
      assert.deepEqual([refused.allowed, refused.remaining], [false, 1])
      assert.equal((await limiter.take('a', 1)).allowed, true)
    })

    test(`${name} in ${storeName}: what is said of the time holds to the millisecond`, async () => {
      const limiter = subject(store, rule)
      for (const wait of [0, 100, 150]) {
        clock.now += wait
        await limiter.take('a')
      }
      clock.now += 50
      const { retryAfterMs, resetMs } = await limiter.take('a')
      clock.now += retryAfterMs - 1
      assert.equal((await limiter.take('a')).allowed, false, 'a moment too early')
      clock.now += 1
      assert.equal((await limiter.take('a')).allowed, true, `after ${retryAfterMs} ms`)
      assert.ok(resetMs >= retryAfterMs)
      clock.now += (await limiter.take('a')).resetMs
      assert.equal(await refusals(limiter, 4), 1, 'all of it is there again')
    })
  }

  test(`fixed in ${storeName}: the window begins with the first request`, async () => {
    const limiter = subject(store, {})
    assert.equal((await limiter.take('a')).resetMs, 1000)
    clock.now += 999
    assert.deepEqual(await limiter.take('a'), { allowed: true, remaining: 1, resetMs: 1, retryAfterMs: 0 })
    clock.now += 1
    assert.deepEqual(await limiter.take('a'), { allowed: true, remaining: 2, resetMs: 1000, retryAfterMs: 0 })
  })

  test(`token-bucket in ${storeName}: a burst at once, then evenly`, async () => {
    const limiter = subject(store, { algorithm: 'token-bucket', max: 2, burst: 5 })
    assert.equal(await refusals(limiter, 7), 2)
    assert.equal((await limiter.take('a')).retryAfterMs, 500)
    clock.now += 1499
    assert.equal(await refusals(limiter, 5), 3)
    clock.now += 100_000
    assert.equal(await refusals(limiter, 9), 4, 'never more than the burst')
  })

  test(`concurrency in ${storeName}: places come back when requests are over, once each`, async () => {
    const limiter = subject(store, { algorithm: 'concurrency', max: 2, windowMs: 0 })
    const [one] = [await limiter.taking('a'), await limiter.taking('a')]
    assert.equal((await limiter.take('a')).allowed, false)
    one.release!()
    assert.equal((await limiter.take('a')).allowed, true)
    assert.equal((await limiter.take('a')).allowed, false)
  })

  test(`quota in ${storeName}: by the calendar`, async () => {
    const day = subject(store, { algorithm: 'quota', windowMs: 0, per: 'day' })
    assert.equal((await day.take('a')).resetMs, 12 * 3_600_000)
    const tokyo = subject(store, { algorithm: 'quota', windowMs: 0, per: 'day', timeZone: 'Asia/Tokyo' })
    assert.equal((await tokyo.take('a')).resetMs, 3 * 3_600_000)
    const month = subject(store, { algorithm: 'quota', windowMs: 0, per: 'month' })
    assert.equal(await refusals(month, 4), 1)
    clock.now = Date.UTC(2026, 10, 30, 23, 59, 59, 999)
    assert.equal((await month.take('a')).retryAfterMs, 1)
    clock.now += 1
    assert.deepEqual(await month.take('a'), { allowed: true, remaining: 2, resetMs: 31 * 86_400_000, retryAfterMs: 0 })
  })

  test(`sliding in ${storeName}: no turn of windows at which twice the limit passes`, async () => {
    const limiter = subject(store, { algorithm: 'sliding', max: 10 })
    clock.now += 900
    assert.equal(await refusals(limiter, 12), 2)
    clock.now += 200
    assert.equal(await refusals(limiter, 12), 12)
    clock.now += 800
    assert.equal(await refusals(limiter, 12), 2)
  })

  for (const [name, rule] of ALL.slice(0, 3)) {
    test(`${name} in ${storeName}: a clock that is set back locks nobody out for longer than a window`, async () => {
      const limiter = subject(store, rule)
      await refusals(limiter, 3)
      clock.now -= 3_600_000
      const { retryAfterMs } = await limiter.take('a')
      assert.ok(retryAfterMs <= 1000)
      clock.now += 1000
      assert.equal((await limiter.take('a')).allowed, true)
    })
  }

  test(`several in ${storeName}: all or none, and in one go`, async () => {
    clock.now = NOON
    const registry = new LimitRegistry(1000)
    const names = [randomUUID(), randomUUID(), randomUUID(), randomUUID(), randomUUID()]
    const limits = ALL.map(([, rule], i) =>
      registry.limit(
        { name: names[i]!, algorithm: 'fixed', windowMs: 1000, by: 'consumer', ...rule, max: i === 0 ? 3 : 5 + i },
        'test',
      ),
    )
    const own = store()
    const take = async (keys = ['a', 'a', 'a', 'a', 'a']) => (await own.take(limits, keys, 1))!
    const first = await take()
    assert.deepEqual(
      first.taken.map((taken) => taken!.remaining),
      [2, 5, 6, 7, 8],
    )
    assert.equal(typeof first.release, 'function')
    await take()
    await take()
    for (let i = 0; i < 5; i++) assert.equal((await take()).taken[0]!.allowed, false)
    const other = await take(['b', 'a', 'a', 'a', 'a'])
    assert.deepEqual(
      other.taken.map((taken) => taken!.remaining),
      [2, 2, 3, 4, 5],
      'five refusals have cost nothing',
    )
  })
}

describe('in memory', () => contract('memory', () => new MemoryStore(() => clock.now)))

describe('in Redis', needsRedis, () => {
  let client: Redis
  let stop = async (): Promise<void> => {}
  before(async () => {
    const redis = await startRedisClient()
    client = redis.client
    stop = redis.stop
  })
  after(() => stop())
  contract('Redis', () => new RedisStore(client, { clock: 'now', now: () => clock.now }))
})
