import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Redis } from 'ioredis'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import type { LimitRule } from '../../src/limits/limit-schema.ts'
import { RedisStore } from '../../src/limits/redis-limit-store.ts'
import { needsRedis, startRedisClient } from './redis-server.ts'

const KINDS: [string, Partial<LimitRule>][] = [
  ['fixed', {}],
  ['sliding', { algorithm: 'sliding' }],
  ['token-bucket', { algorithm: 'token-bucket' }],
  ['concurrency', { algorithm: 'concurrency', windowMs: 0 }],
  ['quota', { algorithm: 'quota', windowMs: 0, per: 'day' }],
]

/** What somebody else may have put under a key of ours. */
const HOSTILE: ((client: Redis, key: string) => Promise<unknown>)[] = [
  (client, key) => client.set(key, 'not ours'),
  (client, key) => client.set(key, ''),
  (client, key) => client.set(key, Buffer.alloc(4_000_000, 0x93)),
  (client, key) => client.set(key, Buffer.from('93c0c0c0', 'hex')),
  (client, key) => client.set(key, Buffer.from('93cb7ff8000000000000cb7ff8000000000000cb7ff8000000000000', 'hex')),
  (client, key) => client.set(key, '-1e308'),
  (client, key) => client.set(key, 'nan'),
  (client, key) => client.set(key, 'inf'),
  (client, key) => client.lpush(key, 'a', 'b'),
  (client, key) => client.sadd(key, 'a'),
  (client, key) => client.hset(key, 'count', 'x', 'end', 'y', 'level', '-inf', 'at', 'nan'),
  (client, key) => client.hset(key, 'count', '-5', 'end', '9e99', 'level', '1e300', 'at', '-1'),
  (client, key) => client.xadd(key, '*', 'a', 'b'),
]

describe('what is none of ours under the keys of limits is as good as not there', needsRedis, () => {
  let client: Redis
  let stop = async (): Promise<void> => {}
  before(async () => {
    ;({ client, stop } = await startRedisClient())
  })
  after(() => stop())

  for (const [name, rule] of KINDS) {
    test(name, async () => {
      for (const put of HOSTILE) {
        await client.flushall()
        const limit = new LimitRegistry(1000).limit(
          { name: 'one', algorithm: 'fixed', max: 3, windowMs: 3_600_000, by: 'consumer', ...rule },
          'test',
        )
        const store = new RedisStore(client)
        assert.ok(await store.take([limit], ['a'], 1))
        const [key] = await client.keys('*')
        await client.unlink(key!)
        await put(client, key!)
        const allowed: (boolean | undefined)[] = []
        for (let i = 0; i < 4; i++) {
          const taking = await store.take([limit], ['a'], 1)
          allowed.push(taking?.taken[0]?.allowed)
          for (const value of Object.values(taking!.taken[0]!)) {
            assert.ok(typeof value === 'boolean' || (Number.isFinite(value) && value >= 0), String(put))
          }
        }
        assert.deepEqual(allowed, [true, true, true, false], String(put))
        store.close()
      }
    })
  }
})
