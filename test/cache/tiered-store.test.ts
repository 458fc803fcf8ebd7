import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Redis } from 'ioredis'
import type { CacheKey } from '../../src/cache/cache-key.ts'
import type { CacheStore } from '../../src/cache/cache-store.ts'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import type { Purge } from '../../src/cache/purge.ts'
import { PurgeChannel, type PurgeFeed } from '../../src/cache/purge-channel.ts'
import { RedisCacheStore } from '../../src/cache/redis-cache-store.ts'
import { TieredStore } from '../../src/cache/tiered-store.ts'
import { needsRedis, startRedisClient } from '../redis/redis-server.ts'
import { eventually } from '../support/eventually.ts'
import { contract, NOW, response } from './cache-store-contract.ts'

const own: CacheKey = { url: 'http://h/own', rest: '' }
const now = (): number => NOW
const bodyOf = async (found: ReturnType<CacheStore['get']>): Promise<string | undefined> =>
  (await found)?.at(-1)?.body.toString()

/** A second store that can be slow, or fail, and tells what it is asked. */
class Backing extends MemoryStore {
  failing = false
  asked: string[] = []
  waitFor: Promise<void> | null = null

  async #answer<T>(what: string, result: () => T): Promise<T> {
    this.asked.push(what)
    if (this.failing) throw new Error('away')
    const found = result()
    await this.waitFor
    return found
  }

  override get(key: CacheKey): any {
    return this.#answer('get', () => super.get(key))
  }
  override add(key: CacheKey, value: ReturnType<typeof response>): any {
    return this.#answer('add', () => super.add(key, value))
  }
  override put(key: CacheKey, values: ReturnType<typeof response>[]): any {
    return this.#answer('put', () => super.put(key, values))
  }
  override purge(purge: any): any {
    return this.#answer('purge', () => super.purge(purge))
  }
}

/** A feed that never leaves the process. */
class Feed implements PurgeFeed {
  said: Purge[] = []
  readonly heard = 0
  onPurge!: (purge: Purge) => void
  onGap!: () => void
  listen(onPurge: (purge: Purge) => void, onGap: () => void): void {
    Object.assign(this, { onPurge, onGap })
  }
  async publish(purge: Purge): Promise<void> {
    this.said.push(purge)
  }
  close(): void {}
}

function tiered(patience = 60_000) {
  const front = new MemoryStore(1 << 30)
  const back = new Backing(1 << 30)
  const feed = new Feed()
  const errors: string[] = []
  const store = new TieredStore(front, back, feed, {
    now,
    onPurge: () => {},
    onError: (error, operation) => {
      errors.push(`${operation}: ${(error as Error).message}`)
    },
  })
  store.patience = patience
  return { front, back, feed, errors, store }
}

/** What others hear of a purge: before it is done in the second store, and after. */
const twice = (purge: Purge): Purge[] => [purge, purge]

test('what is fresh in memory is answered at once, anything else is looked for once', async () => {
  const { front, back, store } = tiered()
  store.add(own, response('near'))
  const found = store.get(own)
  assert.ok(Array.isArray(found), 'without a promise')
  assert.ok(!back.asked.includes('get'))
  front.put(own, [])
  const [one, two] = [store.get(own), store.get(own)]
  assert.equal(await bodyOf(one), 'near')
  assert.equal(await bodyOf(two), 'near')
  assert.deepEqual(
    back.asked.filter((what) => what === 'get'),
    ['get'],
    'those who ask at once share a lookup',
  )
  assert.ok(Array.isArray(store.get(own)), 'kept in memory from then on')
})

test('what is stale in memory gives way to what another process has stored since', async () => {
  const { front, back, store } = tiered()
  front.put(own, [response('old', { storedAt: NOW - 100_000 })])
  assert.equal(await bodyOf(store.get(own)), 'old', 'there is nothing newer')
  await back.put(own, [response('new', { storedAt: NOW - 1000 })])
  assert.equal(await bodyOf(store.get(own)), 'new')
  assert.equal(front.get(own)![0]!.body.toString(), 'new')
})

test('a second store that fails or hangs is a miss, told of each time', async () => {
  const { back, errors, store } = tiered(5)
  back.failing = true
  assert.equal(await store.get(own), null)
  await store.add(own, response('x'))
  assert.equal(await bodyOf(store.get(own)), 'x')
  back.failing = false
  back.waitFor = new Promise(() => {})
  assert.equal(await store.get({ ...own, rest: 'other' }), null)
  assert.deepEqual(errors, ['get: away', 'put: away', 'get: no answer within 5 ms'])
})

test('what was read before a purge does not get into memory after it', async () => {
  const { front, back, feed, store } = tiered()
  for (const purge of [
    () => store.purge({ url: own.url, soft: false, now: NOW }),
    () => feed.onPurge({ url: own.url, soft: false }),
    () => feed.onGap(),
  ]) {
    await back.put(own, [response('old')])
    const { promise, resolve } = Promise.withResolvers<void>()
    back.waitFor = promise
    const reading = store.get(own)
    const purging = purge()
    resolve()
    await Promise.all([reading, purging])
    assert.equal(front.get(own), null)
    back.waitFor = null
  }
})

test('purges that the second store missed are done before anything is taken from it', async () => {
  const { back, feed, errors, store } = tiered()
  await back.put(own, [response('old')])
  back.failing = true
  await assert.rejects(store.purge({ url: own.url, soft: false, now: NOW }), /away/)
  back.failing = false
  assert.equal(await store.get(own), null)
  await new Promise(setImmediate)
  assert.deepEqual(feed.said.slice(1), twice({ url: own.url, soft: false }), 'the first one was told in vain')
  assert.equal(await back.get(own), null)
  await back.put(own, [response('new')])
  assert.equal(await bodyOf(store.get(own)), 'new')
  assert.deepEqual(errors, [])
})

test('a purge that is done has those done before it that the second store missed', async () => {
  const { back, feed, store } = tiered()
  back.failing = true
  await assert.rejects(store.purge({ url: own.url, soft: false, now: NOW }), /away/)
  back.failing = false
  await store.purge({ tag: 'other', soft: false, now: NOW })
  assert.deepEqual(
    feed.said.slice(1),
    [...twice({ url: own.url, soft: false }), ...twice({ tag: 'other', soft: false })],
    'the failed one is tried, then both are told',
  )
})

test('a purge waits for what is being stored, so that nothing comes back after it', async () => {
  const { back, store } = tiered()
  const { promise, resolve } = Promise.withResolvers<void>()
  const put = back.add.bind(back)
  back.add = async (key, value) => {
    await promise
    return put(key, value)
  }
  const adding = store.add(own, response('old'))
  const purging = store.purge({ url: own.url, soft: false, now: NOW })
  resolve()
  await Promise.all([adding, purging])
  assert.equal(await store.get(own), null)
})

test('a lookup waits for what this process is storing under the same key', async () => {
  const { front, back, store } = tiered()
  const { promise, resolve } = Promise.withResolvers<void>()
  const add = back.add.bind(back)
  back.add = async (key, value) => {
    await promise
    return add(key, value)
  }
  store.add(own, response('x'))
  // as one that memory has no room for
  front.put(own, [])
  const found = store.get(own)
  resolve()
  assert.equal(await bodyOf(found), 'x')
})

test('after very many such purges everything is purged', async () => {
  const { back, feed, store } = tiered()
  back.failing = true
  for (let i = 0; i <= 1000; i++) await store.purge({ url: `http://h/${i}`, soft: true, now: NOW }).catch(() => {})
  back.failing = false
  await back.put(own, [response('old')])
  feed.onGap()
  await new Promise(setImmediate)
  assert.ok(
    feed.said.slice(1000).some(({ prefix }) => prefix === ''),
    'one for all of them',
  )
  assert.equal(back.size, 0)
})

test('only what an owed purge is about passes the second store by; after very many of them, everything does', async () => {
  const { back, store } = tiered()
  const other: CacheKey = { url: 'http://h/other', rest: '' }
  const tagged: CacheKey = { url: 'http://h/tagged', rest: '' }
  const below: CacheKey = { url: 'http://h/dir/x', rest: '' }
  await back.put(own, [response('old')])
  await back.put(other, [response('other')])
  await back.put(tagged, [response('tagged', { tags: ['t'] })])
  await back.put(below, [response('below')])
  const publish = Promise.withResolvers<void>()
  const purge = back.purge.bind(back)
  back.purge = () =>
    publish.promise.then(() => {
      throw new Error('away')
    })
  const failing = [
    store.purge({ url: own.url, soft: false, now: NOW }),
    store.purge({ tag: 't', soft: false, now: NOW }),
    store.purge({ prefix: '/dir/', soft: false, now: NOW }),
  ]
  for (const key of [own, tagged, below]) assert.equal(await store.get(key), null, `in flight: ${key.url}`)
  publish.resolve()
  for (const each of failing) await assert.rejects(each, /away/)
  for (const key of [own, tagged, below]) assert.equal(await store.get(key), null, `owed: ${key.url}`)
  assert.equal(await bodyOf(store.get(other)), 'other')
  store.add(own, response('new'))
  assert.equal(await bodyOf(store.get(own)), 'new', 'what memory has since the purge is served')
  await Promise.all(
    Array.from({ length: 1001 }, (_, i) =>
      store.purge({ url: `http://h/${i}`, soft: false, now: NOW }).catch(() => {}),
    ),
  )
  const another: CacheKey = { url: 'http://elsewhere/', rest: '' }
  await back.put(another, [response('another')])
  assert.equal(await store.get(another), null)
  back.purge = purge
  await store.purge({ tag: 'none', soft: false, now: NOW })
  await back.put(another, [response('another')])
  assert.equal(await bodyOf(store.get(another)), 'another', 'paid')
  await store.close()
})

test('a lookup from before a purge is not shared with requests after it', async () => {
  const { back, store } = tiered()
  await back.put(own, [response('old')])
  const { promise, resolve } = Promise.withResolvers<void>()
  back.waitFor = promise
  const before = store.get(own)
  back.waitFor = null
  await store.purge({ url: own.url, soft: false, now: NOW })
  assert.equal(await store.get(own), null)
  resolve()
  await before
  assert.equal(await store.get(own), null)
})

describe('memory in front of Redis', needsRedis, () => {
  let redis: Redis
  let stop: () => Promise<void>
  let store: TieredStore
  const subscribers: Redis[] = []

  /** The store of one process, once it listens. */
  async function processStore(): Promise<{
    store: TieredStore
    front: MemoryStore
    subscriber: Redis
    channel: PurgeChannel
    heard: () => Promise<unknown>
  }> {
    const subscriber = redis.duplicate()
    subscribers.push(subscriber)
    const channel = new PurgeChannel(redis, subscriber)
    let next = Promise.withResolvers<unknown>()
    const tell = (what: unknown): void => {
      const { resolve } = next
      next = Promise.withResolvers()
      resolve(what)
    }
    const front = new MemoryStore(1 << 30)
    const store = new TieredStore(
      front,
      new RedisCacheStore(redis, now, channel),
      {
        get heard() {
          return channel.heard
        },
        publish: (purge) => channel.publish(purge),
        close: () => channel.close(),
        listen: (onPurge, onGap) =>
          channel.listen(
            (purge) => {
              onPurge(purge)
              tell(purge)
            },
            () => {
              onGap()
              tell('gap')
            },
          ),
      },
      {
        now,
        onPurge: () => {},
        onError: (error) => {
          throw error
        },
      },
    )
    store.patience = 60_000
    // it is told of a gap once when it subscribes, and once when it knows how many purges there have been
    await eventually('it listens', () => channel.heard !== null)
    return { store, front, subscriber, channel, heard: () => next.promise }
  }

  before(async () => {
    ;({ client: redis, stop } = await startRedisClient())
    ;({ store } = await processStore())
  })
  after(async () => {
    await store.close()
    for (const subscriber of subscribers) subscriber.disconnect()
    await stop()
  })

  contract('memory and Redis', {}, () => store)

  test('a purge reaches the memory of the other processes, and no other message does', async (t) => {
    const other = await processStore()
    t.after(() => other.store.close())
    other.front.put(own, [response('x', { tags: ['t'] })])
    const number = Number(await redis.get('gatehouse:cache:1:purges'))
    for (const text of [
      '',
      'x',
      '{}',
      `${number + 1} {}`,
      `${number + 1} {"from":"a","soft":false}`,
      `${number + 1} {"from":"a","soft":false,"url":"/","tag":"t"}`,
      `${number + 1} {"from":"a","soft":1,"tag":"t"}`,
      'x {"from":"a","soft":false,"tag":"t"}',
    ]) {
      await redis.publish('gatehouse:cache:purge', text)
    }
    const heard = other.heard()
    await store.purge({ tag: 'elsewhere', soft: false, now: NOW })
    assert.deepEqual(await heard, { tag: 'elsewhere', soft: false })
    assert.equal(other.front.size, 1)
    const again = other.heard()
    await store.purge({ tag: 't', soft: false, now: NOW })
    await again
    assert.equal(other.front.size, 0)
  })

  test('a process that has missed a purge clears its memory: after a lost subscription, and after a number that it does not know', async (t) => {
    const other = await processStore()
    t.after(() => other.store.close())
    other.front.put(own, [response('x')])
    other.subscriber.disconnect(true)
    await eventually('its memory is cleared', () => other.front.size === 0)
    await eventually('it listens again', () => other.channel.heard !== null)
    other.front.put(own, [response('x')])
    await redis.incr('gatehouse:cache:1:purges')
    await store.purge({ tag: 'a', soft: false, now: NOW })
    await eventually('its memory is cleared', () => other.front.size === 0)
    // told to nobody at all: the counter shows it
    other.front.put(own, [response('x')])
    await redis.incr('gatehouse:cache:1:purges')
    await eventually('its memory is cleared', () => other.front.size === 0)
  })
})
