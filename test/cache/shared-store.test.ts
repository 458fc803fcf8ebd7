import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Redis } from 'ioredis'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { RedisResponseStore } from '../../src/cache/redis-response-store.ts'
import { type PurgeChannel, TieredStore } from '../../src/cache/tiered-store.ts'
import { needsRedis, spawnRedis, startRedisClient, stopRedis } from '../limits/redis-server.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { runCommand } from '../support/command.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http-client.ts'
import { cacheStoreContract, key, response } from './cache-store-contract.ts'

let redis: { client: Redis, stop: () => Promise<void> }
before(async () => { if (!needsRedis.skip) redis = await startRedisClient() })
after(() => redis?.stop())

const emptyRedis = async (): Promise<RedisResponseStore> => {
  await redis.client.flushall()
  return new RedisResponseStore(redis.client)
}
const noChannel: PurgeChannel = { publish: async () => {}, listen () {}, close () {} }

cacheStoreContract('Redis', emptyRedis, needsRedis)
cacheStoreContract('two levels', async () => new TieredStore(new MemoryStore(10_000_000), await emptyRedis(), noChannel), needsRedis)

test('Redis lets responses go when they are of no use, and their names too', needsRedis, async () => {
  const store = await emptyRedis()
  await store.put(key('http://a.test/brief'), [response('x', { lifetime: 0.05 })])
  await store.put(key('http://a.test/useless'), [response('x', { lifetime: 0 })])
  const end = performance.now() + 5000
  while (await store.get(key('http://a.test/brief')) !== null) assert.ok(performance.now() < end)
  await store.put(key('http://a.test/other'), [response('x', { headers: { etag: '"a"' } })])
  assert.deepEqual(await redis.client.zrange('gatehouse:cache:{index}:urls', '0', '-1'), ['http://a.test/other\n'])
  const [own] = (await redis.client.keys('gatehouse:cache:*')).filter((name) => !name.includes('index'))
  assert.ok(await redis.client.pttl(own!) > 3600_000)
})

test('whatever somebody else writes there is a miss', needsRedis, async () => {
  const store = await emptyRedis()
  const one = key('http://a.test/x')
  await store.put(one, [response('x'.repeat(2000))])
  const [own] = (await redis.client.keys('gatehouse:cache:*')).filter((name) => !name.includes('index'))
  const [good] = JSON.parse((await redis.client.hget(own!, 'records'))!) as [string]
  const spoilt = (change: object): string => JSON.stringify([JSON.stringify({ ...JSON.parse(good), ...change })])
  const wrong = [
    'x', '[]', '{}', '[1]', '["{}"]', '[null]', spoilt({ status: 99 }), spoilt({ headers: { 'a b': 'x' } }), spoilt({ headers: { a: 'x\r\nset-cookie: y' } }), spoilt({ headers: null }),
    spoilt({ length: 1e12 }), spoilt({ length: 5 }), spoilt({ length: -1 }), spoilt({ lifetime: 'x' }), spoilt({ storedAt: null }), spoilt({ vary: [['a']] }), spoilt({ tags: [1] }), spoilt({ part: {} }), spoilt({ compressed: false }),
  ]
  for (const records of wrong) {
    await redis.client.hset(own!, 'records', records)
    assert.equal(await store.get(one), null, records.slice(0, 200))
  }
  await redis.client.hset(own!, { records: JSON.stringify([good]), '0.0': 'no zstd' })
  assert.equal(await store.get(one), null)
})

/** Gateways that share a Redis, and a backend that counts. */
async function fleet (t: Parameters<typeof startGateway>[0], port: number, count = 2) {
  let asked = 0
  const backend = await startBackend(t, (request, answer) => {
    asked++
    answer.writeHead(200, { 'cache-control': 'max-age=600', 'cache-tag': 'items', 'content-type': 'text/plain' }).end(`${request.url} ${asked} ${'x'.repeat(2000)}`)
  })
  const files = { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: true, cache: true } }
  const gateways = []
  for (let i = 0; i < count; i++) {
    const gateway = await startGateway(t, files, { redis: `redis://127.0.0.1:${port}`, cache: { redis: true, purge: { auth: 'none' } }, trustProxy: ['127.0.0.1'] })
    const end = performance.now() + 5000
    while (gateway.app.redis!.status !== 'ready') {
      assert.ok(performance.now() < end)
      await new Promise((resolve) => { setTimeout(resolve, 5) })
    }
    // one address for both, as behind a load balancer
    gateways.push({ ...gateway, ask: (path: string, more = {}) => ask(gateway.url + path, { ...more, headers: { 'x-forwarded-host': 'site.test' } }) })
  }
  return { gateways, asked: () => asked }
}

const purge = async (url: string, body: object): Promise<unknown> => {
  const answer = await fetch(`${url}/cache/purge`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return answer.status === 200 ? (await answer.json() as { purged: number }).purged : answer.status
}

test('gateways share what is stored, and what is purged', needsRedis, async (t) => {
  await redis.client.flushall()
  const { gateways, asked } = await fleet(t, redis.client.options.port!)
  const [one, other] = gateways as [typeof gateways[0], typeof gateways[0]]
  const first = await one.ask('/x')
  const eventually = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
    const end = performance.now() + 5000
    while (!await holds()) {
      assert.ok(performance.now() < end, what)
      await new Promise((resolve) => { setTimeout(resolve, 10) })
    }
  }
  await eventually(async () => await redis.client.zcard('gatehouse:cache:{index}:urls') === 1, 'stored in Redis')
  const second = await other.ask('/x')
  assert.deepEqual([second.body, asked()], [first.body, 1])
  assert.match(second.headers['cache-status'] as string, /^Gatehouse; hit/)
  // in the memory of both by now
  assert.equal(await purge(one.url, { tag: 'items' }), 1)
  await eventually(async () => (await other.ask('/x')).body !== first.body, 'purged in the memory of the other')
  assert.equal(asked(), 2)

  await eventually(async () => await redis.client.zcard('gatehouse:cache:{index}:urls') === 1, 'stored again')
  const told = await runCommand(t, ['purge', '--gateway', `${one.url}/cache/purge`, '--url', 'http://site.test/x'], { cwd: '/' })
  assert.deepEqual([told.code, told.stdout], [0, '1 purged\n'], told.stderr)
  for (const wrong of [{}, { url: '/x', tag: 'a' }, { url: '' }, { prefix: 1 }, { tag: 'a', soft: 'yes' }]) assert.equal(await purge(one.url, wrong), 400, JSON.stringify(wrong))
  const unsaid = await runCommand(t, ['purge', '--gateway', `${one.url}/cache/purge`], { cwd: '/' })
  assert.match(unsaid.stderr, /Give one of --url, --prefix and --tag/)
})

test('a Redis that goes away costs nobody an error, and is used again when it is back', needsRedis, async (t) => {
  const port = await closedPort()
  let server = await spawnRedis(port)
  t.after(() => stopRedis(server))
  const { gateways: [gateway], asked } = await fleet(t, port, 1)
  await gateway!.ask('/x')
  await stopRedis(server)
  for (const path of ['/x', '/y', '/y', '/z']) assert.equal((await gateway!.ask(path)).status, 200)
  // a request that had to be told to others is answered all the same
  assert.equal((await gateway!.ask('/y', { method: 'DELETE' })).status, 200)
  server = await spawnRedis(port)
  const end = performance.now() + 10_000
  for (let i = 0; ; i++) {
    assert.equal((await gateway!.ask(`/back/${i}`)).status, 200)
    if (gateway!.app.redis!.status === 'ready' && Number((await gateway!.app.redis!.keys('*')).length) > 0) break
    assert.ok(performance.now() < end)
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  assert.ok(asked() > 0)
})

test('keeping responses in a Redis that is not named stops the boot', async (t) => {
  await assert.rejects(startGateway(t, { 'a.json': { name: 'a', auth: 'none', targets: ['http://127.0.0.1:1'], passThrough: true } }, { cache: { redis: true } }), /cache\.redis: found true without a Redis/)
})
