import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import type { Redis } from 'ioredis'
import type { CacheKey } from '../../src/cache/cache-key.ts'
import { COUNTER, PurgeChannel } from '../../src/cache/purge-channel.ts'
import { entryKey, idOf, PREFIX } from '../../src/cache/purge-index.ts'
import { RedisCacheStore } from '../../src/cache/redis-cache-store.ts'
import { needsRedis, startRedisClient } from '../redis/redis-server.ts'
import { contract, NOW, response } from './cache-store-contract.ts'

describe('responses in Redis', needsRedis, () => {
  let redis: Redis
  let stop: () => Promise<void>
  let store: RedisCacheStore
  let now = NOW
  before(async () => {
    ;({ client: redis, stop } = await startRedisClient())
    store = new RedisCacheStore(redis, () => now)
  })
  after(() => stop())
  beforeEach(() => {
    now = NOW
  })

  contract('Redis', {}, () => store)

  const own: CacheKey = { url: 'http://h/own', rest: '' }
  const entry = entryKey(idOf(own))

  test('bodies are compressed when that makes them smaller, and no value is huge', async () => {
    await redis.flushall()
    await store.put(own, [response(Buffer.alloc(1_000_000, 'text '))])
    assert.ok(Number(await redis.call('MEMORY', 'USAGE', entry)) < 5000)
    await store.put(own, [response(randomBytes(1_000_000))])
    const keys = await redis.keys(`${entry}:*`)
    assert.equal(keys.length, Math.ceil(1_000_000 / 65_536))
    for (const key of keys) assert.ok((await redis.strlen(key)) <= 65_536)
    assert.ok((await redis.hstrlen(entry, 'bodies')) === 0)
    await store.put(own, [response('small')])
    assert.deepEqual(await redis.keys(`${entry}:*`), [], 'nothing is left of what was replaced')
    await store.put(own, [response(randomBytes(1_000_000))])
    assert.equal(await store.purge({ url: own.url, soft: false, now }), 1)
    assert.deepEqual(await redis.keys(`${PREFIX}{*}*`), [], 'nor of what was purged')
  })

  test('everything is under one prefix, in one slot for each key, and names nobody', async () => {
    await redis.flushall()
    await store.put({ url: 'http://h/a', rest: 'cookie=secret' }, [response(randomBytes(200_000), { tags: ['t'] })])
    const keys = await redis.keys('*')
    for (const key of keys) {
      assert.match(key, /^gatehouse:cache:1:(\{[\w-]{43}\}(:[\w-]{16}:\d)?|(index|ends):\{\d+\})$/)
    }
    assert.equal(new Set(keys.map((key) => /\{[\w-]{43}\}/.exec(key)?.[0])).size, 2)
  })

  test('responses expire when they are of no more use', async () => {
    const plain = { headers: {} }
    for (const [more, seconds] of [
      [{ ...plain }, 60],
      [{ ...plain, initialAge: 20 }, 40],
      [{ ...plain, staleIfError: 100, staleWhileRevalidate: 30 }, 160],
      [{ ...plain, staleIfError: 100, neverStale: true }, 60],
      [{}, 60 + 4 * 3600],
      [{ ...plain, lifetime: 2 ** 31 }, 30 * 24 * 3600],
    ] as const) {
      await store.put(own, [response(randomBytes(100_000), more)])
      for (const key of [entry, ...(await redis.keys(`${entry}:*`))]) {
        assert.ok(Math.abs((await redis.pttl(key)) - seconds * 1000) < 5000, JSON.stringify(more))
      }
    }
    await store.put(own, [response('x', { ...plain, lifetime: 0 })])
    assert.equal(await redis.exists(entry), 0, 'what is of no use replaces what was there')
    await store.put(own, [response('x', { ...plain, lifetime: 0.2 })])
    while ((await redis.exists(entry)) === 1) await redis.ping()
    assert.equal(await store.get(own), null)
  })

  test('the index forgets what has expired', async () => {
    await redis.flushall()
    await store.put(own, [response('x', { tags: ['t'] })])
    const ends = await redis.keys(`${PREFIX}ends:*`)
    assert.ok(ends.length >= 1)
    let notes = 0
    for (const name of ends) {
      for (const text of await redis.zrange(name, '0', '-1')) {
        notes++
        await redis.zadd(name, 1, text)
      }
    }
    assert.equal(notes, 2)
    // one in each part of the index
    for (let i = 0; i < 200; i++) await store.put({ url: `http://h/${i}`, rest: '' }, [response('x')])
    assert.equal(await store.purge({ tag: 't', soft: false, now }), 0)
    assert.equal(await store.purge({ url: own.url, soft: false, now }), 0)
  })

  test('whatever else is found in Redis is not there', async () => {
    const good = async (): Promise<Record<string, any>> => {
      await store.put(own, [response('hello', { tags: ['t'], headers: { etag: '"1"', 'content-length': '5' } })])
      return JSON.parse((await redis.hget(entry, 'heads'))!)[0]
    }
    const heads = async (change: (head: Record<string, any>) => void): Promise<void> => {
      const head = await good()
      change(head)
      await redis.hset(entry, 'heads', JSON.stringify([head]))
    }
    await heads(() => {})
    assert.equal((await store.get(own))!.length, 1, 'the way of the test is valid')
    const changes: ((head: Record<string, any>) => void)[] = [
      (head) => {
        head.status = 101
      },
      (head) => {
        head.status = '200'
      },
      (head) => {
        head.status = 304
      },
      (head) => {
        head.status = 204
      },
      (head) => {
        delete head.vary
      },
      (head) => {
        head.more = 1
      },
      (head) => {
        head.headers['x-a'] = 'a\r\nset-cookie: b'
      },
      (head) => {
        head.headers['x a'] = 'a'
      },
      (head) => {
        head.headers['X-A'] = 'a'
      },
      (head) => {
        head.headers['x-a'] = 5
      },
      (head) => {
        head.headers['transfer-encoding'] = 'chunked'
      },
      (head) => {
        head.headers.connection = 'close'
      },
      (head) => {
        head.headers['content-length'] = '6'
      },
      (head) => {
        head.headers['content-length'] = ['5', '5']
      },
      (head) => {
        head.lifetime = -1
      },
      (head) => {
        head.lifetime = null
      },
      (head) => {
        head.storedAt = NOW + 3_600_000
      },
      (head) => {
        head.part = { first: 0, total: 5 }
      },
      (head) => {
        head.status = 206
      },
      (head) => {
        head.status = 206
        head.part = { first: 1, total: 5 }
      },
      (head) => {
        head.body.length = 6
      },
      (head) => {
        head.body.size = 4
      },
      (head) => {
        head.body.chunks = '../../x'
      },
      (head) => {
        head.body.chunks = 'aaaaaaaaaaaaaaaa'
      },
      (head) => {
        head.body.zstd = true
      },
      (head) => {
        head.body.zstd = true
        head.body.length = 1e6
        delete head.headers['content-length']
      },
    ]
    for (const change of changes) {
      await heads(change)
      assert.equal(await store.get(own), null, String(change))
    }
    for (const [field, value] of [
      ['heads', '{'],
      ['heads', '[]'],
      ['heads', 'null'],
      ['heads', `[${'1,'.repeat(2e6)}1]`],
      ['bodies', 'hell'],
      ['bodies', 'hello!'],
      ['version', 'x'],
      ['outdated', 'x'],
    ] as const) {
      await good()
      await redis.hset(entry, field, value)
      assert.equal(await store.get(own), null, `${field} ${value.slice(0, 10)}`)
      await store.add(own, response('new'))
      assert.equal((await store.get(own))?.[0]!.body.toString(), 'new', 'it does not stay broken')
    }
    // a small value that would be a gigabyte
    await heads((head) => {
      const bomb = zstdCompressSync(Buffer.alloc(10_000_000))
      Object.assign(head.body, { zstd: true, length: bomb.length + 1, size: bomb.length })
      delete head.headers['content-length']
    })
    await redis.hset(entry, 'bodies', zstdCompressSync(Buffer.alloc(10_000_000)))
    assert.equal(await store.get(own), null)
    await redis.set(entry, 'no hash')
    assert.equal(await store.get(own), null)
    await store.add(own, response('new'))
    assert.equal((await store.get(own))!.length, 1)
    await redis.set(entry, 'no hash')
    assert.equal(await store.purge({ url: own.url, soft: true, now }), 1)
    assert.equal(await redis.exists(entry), 0)
  })

  test('a piece of a body that is gone makes it a miss', async () => {
    await store.put(own, [response(randomBytes(300_000))])
    await redis.unlink((await redis.keys(`${entry}:*`))[0]!)
    assert.equal(await store.get(own), null)
    // notes that are none of ours
    for (const name of await redis.keys(`${PREFIX}index:*`)) {
      for (const text of [
        'u/own\0http://h\0../../x',
        'u/own',
        'u/own\0\0\0\0',
        Buffer.from([0x75, 0x2f, 0xff, 0xfe]),
      ]) {
        await redis.zadd(name, 0, text)
      }
    }
    assert.equal((await store.purge({ prefix: '/', soft: false, now })) > 0, true)
  })

  test('of several that add to one key at once, none is lost', async () => {
    const other = new RedisCacheStore(redis, () => now)
    await store.put(own, [])
    await Promise.all([
      store.add(own, response('a', { vary: [['x', 'a']] })),
      other.add(own, response('b', { vary: [['x', 'b']] })),
    ])
    await Promise.all([
      store.add(own, response('c', { vary: [['x', 'c']] })),
      other.add(own, response('d', { vary: [['x', 'd']] })),
    ])
    const found = (await store.get(own))!.map(({ body }) => body.toString())
    assert.deepEqual(found.sort(), ['a', 'b', 'c', 'd'])
  })

  test('what was fetched before a purge of another gateway is not stored after it, though nobody has told of it yet', async () => {
    await redis.flushall()
    const purges = { heard: 0 as number | null, caughtUp: async () => false }
    const slow = new RedisCacheStore(redis, () => now, purges)
    await slow.add(own, response('first'), () => true)
    assert.equal((await store.get(own))![0]!.body.toString(), 'first')
    await redis.incr('gatehouse:cache:1:purges')
    await store.purge({ url: own.url, soft: false, now })
    for (const body of ['old', randomBytes(100_000)]) {
      await slow.add(own, response(body), () => true)
      await slow.put(own, [response(body)], () => true)
      assert.equal(await store.get(own), null)
    }
    assert.deepEqual(await redis.keys(`${entry}*`), [], 'nor a piece of it')
    // it hears of it while it waits, and knows then that the response is from before
    let isCurrent = true
    purges.caughtUp = async () => {
      purges.heard = 1
      isCurrent = false
      return true
    }
    await slow.add(own, response('old'), () => isCurrent)
    assert.equal(await store.get(own), null)
    await slow.add(own, response('new'), () => true)
    assert.equal((await store.get(own))![0]!.body.toString(), 'new')
    // a gateway that hears nothing stores nothing
    purges.heard = null
    purges.caughtUp = async () => false
    await slow.add(own, response('deaf'), () => true)
    assert.equal((await store.get(own))![0]!.body.toString(), 'new')
  })

  test('in a cluster it is removed again', async () => {
    await redis.flushall()
    const clustered = Object.create(redis, { isCluster: { value: true } }) as Redis
    const slow = new RedisCacheStore(clustered, () => now, { heard: 0, caughtUp: async () => false })
    await slow.add(own, response('first'), () => true)
    assert.equal((await store.get(own))![0]!.body.toString(), 'first')
    await redis.incr('gatehouse:cache:1:purges')
    await slow.add(own, response('old'), () => true)
    assert.equal(await store.get(own), null)
  })

  test('a full Redis does purges, soft ones too, and stores nothing', async (t) => {
    await redis.flushall()
    const soft: CacheKey = { url: 'http://h/soft', rest: '' }
    const channel = new PurgeChannel(redis, redis)
    await store.put(own, [response('x')])
    await store.put(soft, [response('x', { tags: ['t'] })])
    await redis.config('SET', 'maxmemory', '1')
    t.after(() => redis.config('SET', 'maxmemory', '0'))
    await assert.rejects(redis.set('x', 'x'), /OOM/)
    await channel.publish({ url: own.url, soft: false })
    assert.equal(await store.purge({ url: own.url, soft: false, now }), 1)
    assert.equal(await store.purge({ tag: 't', soft: true, now }), 1)
    await channel.publish({ url: own.url, soft: false })
    assert.equal(await redis.get('gatehouse:cache:1:purges'), '2')
    assert.equal(await redis.exists(entry), 0)
    assert.ok(await redis.hexists(entryKey(idOf(soft)), 'outdated'))
    assert.ok((await redis.pttl(entryKey(idOf(soft)))) > 0, 'it expires as it would')
    await assert.rejects(store.add(own, response(randomBytes(100_000))), /OOM/)
    assert.deepEqual(await redis.keys(`${entry}*`), [], 'no piece is left behind')
    await redis.config('SET', 'maxmemory', '0')
    await store.add(own, response('y'))
    assert.equal((await store.get(own))!.length, 1)
  })

  test('an index that is none of ours makes room for a new one', async () => {
    await redis.flushall()
    await store.put(own, [response('x')])
    for (const name of [...(await redis.keys(`${PREFIX}index:*`)), ...(await redis.keys(`${PREFIX}ends:*`))]) {
      await redis.del(name)
      await redis.lpush(name, 'x')
    }
    assert.equal(
      await store.purge({ url: own.url, soft: false, now }),
      0,
      'it is not found any more, and nothing fails',
    )
    await store.put(own, [response('y')])
    assert.equal(await store.purge({ url: own.url, soft: false, now }), 1)
    assert.equal(await store.get(own), null)
  })

  test('a counter of purges that is no number begins anew', async () => {
    const channel = new PurgeChannel(redis, redis)
    for (const set of [
      () => redis.set(COUNTER, 'x'),
      () => redis.set(COUNTER, '9223372036854775807'),
      () => redis.set(COUNTER, '-5'),
      () => redis.lpush(COUNTER, 'x'),
      () => redis.del(COUNTER),
    ]) {
      await redis.del(COUNTER)
      await set()
      await channel.publish({ url: own.url, soft: false })
      assert.equal(await redis.get(COUNTER), '1')
    }
  })

  test('bodies that are too many for a key give way to the latest', async () => {
    const large = [0, 1, 2].map((i) => response(randomBytes(6_000_000), { vary: [['x', `${i}`]] }))
    await store.put(own, large)
    assert.deepEqual(
      (await store.get(own))!.map(({ vary }) => vary[0]![1]),
      ['1', '2'],
    )
  })
})
