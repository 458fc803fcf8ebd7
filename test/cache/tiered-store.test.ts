import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Redis } from 'ioredis'
import type { CacheKey, CacheStore } from '../../src/cache/cache-store.ts'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { PurgeChannel, type PurgeFeed, type PurgeNews } from '../../src/cache/purge-channel.ts'
import { RedisCacheStore } from '../../src/cache/redis-cache-store.ts'
import { TieredStore } from '../../src/cache/tiered-store.ts'
import { needsRedis, startRedisClient } from '../limits/redis-server.ts'
import { contract, NOW, response } from './cache-store-contract.ts'

const own: CacheKey = { url: 'http://h/own', rest: '' }
const now = (): number => NOW
const bodyOf = async (found: ReturnType<CacheStore['get']>): Promise<string | undefined> => (await found)?.at(-1)?.body.toString()

/** A second store that can be slow, or fail, and tells what it is asked. */
class Backing extends MemoryStore {
  failing = false
  asked: string[] = []
  waitFor: Promise<void> | null = null

  async #answer<T> (what: string, result: () => T): Promise<T> {
    this.asked.push(what)
    if (this.failing) throw new Error('away')
    const found = result()
    await this.waitFor
    return found
  }

  override get (key: CacheKey): any { return this.#answer('get', () => super.get(key)) }
  override add (key: CacheKey, value: ReturnType<typeof response>): any { return this.#answer('add', () => super.add(key, value)) }
  override put (key: CacheKey, values: ReturnType<typeof response>[]): any { return this.#answer('put', () => super.put(key, values)) }
  override purge (purge: any): any { return this.#answer('purge', () => super.purge(purge)) }
}

/** A feed that never leaves the process. */
class Feed implements PurgeFeed {
  said: PurgeNews[] = []
  onPurge!: (purge: PurgeNews) => void
  onGap!: () => void
  listen (onPurge: (purge: PurgeNews) => void, onGap: () => void): void { Object.assign(this, { onPurge, onGap }) }
  async publish (purge: PurgeNews): Promise<void> { this.said.push(purge) }
  close (): void {}
}

function tiered (patience = 60_000) {
  const front = new MemoryStore(1 << 30)
  const back = new Backing(1 << 30)
  const feed = new Feed()
  const errors: string[] = []
  const store = new TieredStore(front, back, feed, { now, onPurge: () => {}, onError: (error, operation) => { errors.push(`${operation}: ${(error as Error).message}`) } })
  store.patience = patience
  return { front, back, feed, errors, store }
}

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
  assert.deepEqual(back.asked.filter((what) => what === 'get'), ['get'], 'those who ask at once share a lookup')
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
  for (const purge of [() => store.purge({ url: own.url, soft: false, now: NOW }), () => feed.onPurge({ url: own.url, soft: false }), () => feed.onGap()]) {
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
  assert.deepEqual(feed.said, [{ url: own.url, soft: false }])
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
  assert.deepEqual(feed.said, [{ url: own.url, soft: false }, { tag: 'other', soft: false }])
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

test('after very many such purges everything is purged', async () => {
  const { back, feed, store } = tiered()
  back.failing = true
  for (let i = 0; i <= 1000; i++) await store.purge({ url: `http://h/${i}`, soft: true, now: NOW }).catch(() => {})
  back.failing = false
  await back.put(own, [response('old')])
  feed.onGap()
  await new Promise(setImmediate)
  assert.deepEqual(feed.said, [{ prefix: '', soft: false }])
  assert.equal(back.size, 0)
})

describe('memory in front of Redis', needsRedis, () => {
  let redis: Redis
  let stop: () => Promise<void>
  let store: TieredStore
  const subscribers: Redis[] = []

  /** The store of one process, once it listens. */
  async function processStore (): Promise<{ store: TieredStore, front: MemoryStore, subscriber: Redis, heard: () => Promise<unknown> }> {
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
    const listening = next.promise
    const store = new TieredStore(front, new RedisCacheStore(redis, now), {
      publish: (purge) => channel.publish(purge),
      close: () => channel.close(),
      listen: (onPurge, onGap) => channel.listen((purge) => { onPurge(purge); tell(purge) }, () => { onGap(); tell('gap') }),
    }, { now, onPurge: () => {}, onError: (error) => { throw error } })
    store.patience = 60_000
    await listening
    return { store, front, subscriber, heard: () => next.promise }
  }

  before(async () => {
    ({ client: redis, stop } = await startRedisClient())
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
    for (const text of ['', 'x', '{}', `${number + 1} {}`, `${number + 1} {"from":"a","soft":false}`, `${number + 1} {"from":"a","soft":false,"url":"/","tag":"t"}`, `${number + 1} {"from":"a","soft":1,"tag":"t"}`, 'x {"from":"a","soft":false,"tag":"t"}']) {
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
    const back = other.heard()
    other.subscriber.disconnect(true)
    assert.equal(await back, 'gap')
    assert.equal(other.front.size, 0)
    const settled = other.heard()
    await store.purge({ tag: 'a', soft: false, now: NOW })
    await settled
    other.front.put(own, [response('x')])
    await redis.incr('gatehouse:cache:1:purges')
    const numbered = other.heard()
    await store.purge({ tag: 'a', soft: false, now: NOW })
    assert.equal(await numbered, 'gap')
    assert.equal(other.front.size, 0)
    // told to nobody at all: the counter shows it
    other.front.put(own, [response('x')])
    const counted = other.heard()
    await redis.incr('gatehouse:cache:1:purges')
    assert.equal(await counted, 'gap')
    assert.equal(other.front.size, 0)
  })
})
