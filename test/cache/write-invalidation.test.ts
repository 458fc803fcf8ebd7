import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { entryKey, idOf } from '../../src/cache/purge-index.ts'
import type { TieredStore } from '../../src/cache/tiered-store.ts'
import { needsRedis, startRedis, unhurried } from '../redis/redis-server.ts'
import { startRedisProxy } from '../redis/redis-proxy.ts'
import { closedPort } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { ask as request } from '../support/http-client.ts'
import { type CachedGateway, startCached } from './cached-gateway.ts'

/**
 * Gateways that share their responses, in front of an upstream that counts writes, and a connection to see what Redis
 * has.
 * @param ports  by which each gateway reaches Redis
 */
async function sharing(
  t: TestContext,
  port: number,
  ports = [port, port],
): Promise<{ redis: Redis; gateways: CachedGateway[] }> {
  unhurried(t)
  let version = 0
  const gateways = await Promise.all(
    ports.map((gatewayPort) =>
      startCached(
        t,
        (incoming, response) => {
          if (incoming.method === 'GET') {
            response.writeHead(200, { 'cache-control': 'max-age=3600' }).end(`version ${version}`)
            return
          }
          version++
          const {
            'x-location': location,
            'x-content-location': contentLocation,
            'x-status': status = '204',
          } = incoming.headers as Record<string, string>
          response
            .writeHead(Number(status), {
              ...(location ? { location } : {}),
              ...(contentLocation ? { 'content-location': contentLocation } : {}),
            })
            .end()
        },
        true,
        {},
        { redis: `redis://127.0.0.1:${gatewayPort}`, cache: { redis: true, purge: { path: '/purge', auth: 'none' } } },
      ),
    ),
  )
  const redis = new Redis(port)
  t.after(() => redis.disconnect())
  for (const gateway of gateways) {
    const shared = gateway.app.responseCache.store as TieredStore
    shared.patience = 60_000
    const body = JSON.stringify({ tag: 'none' })
    await eventually(
      'Redis is connected',
      async () =>
        (
          await gateway.ask('/purge', {
            method: 'POST',
            body,
            headers: { 'content-type': 'application/json', 'content-length': body.length },
          })
        ).status === 200 && shared.isListening,
    )
  }
  return { redis, gateways }
}

const host = { host: 'site.test' }
const get = async ({ ask }: CachedGateway, path: string): Promise<string> => (await ask(path, { headers: host })).body
const write = async (
  { ask }: CachedGateway,
  path: string,
  method = 'POST',
  headers: Record<string, string> = {},
): Promise<number> => (await ask(path, { method, headers: { ...host, ...headers } })).status

/** Has a response stored by a gateway, and waits until Redis has it. */
async function store(gateway: CachedGateway, redis: Redis, path: string): Promise<string> {
  const body = await get(gateway, path)
  await eventually(
    `Redis has ${path}`,
    async () => (await redis.exists(entryKey(idOf({ url: `http://site.test${path}`, rest: '' })))) === 1,
  )
  return body
}

test('what a write has changed is gone from Redis when its answer arrives', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const {
    redis,
    gateways: [one, two],
  } = await sharing(t, port)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'MKCOL', 'LOCK']) {
    for (let i = 0; i < 5; i++) {
      const path = `/${method}/${i}`
      const before = await store(one!, redis, path)
      assert.ok((await write(one!, path, method)) < 400, method)
      assert.notEqual(await get(one!, path), before, `${method}, the same gateway`)
      const between = await store(one!, redis, path)
      await write(one!, path, method)
      // it has never asked for it, so that it goes by Redis
      assert.notEqual(await get(two!, path), between, `${method}, another gateway`)
    }
  }
})

test(
  'so is what Location and Content-Location name, if it is of the same origin and the write has succeeded',
  needsRedis,
  async (t) => {
    const port = await closedPort()
    await startRedis(t, port)
    const {
      redis,
      gateways: [one, two],
    } = await sharing(t, port)
    const changes = async (headers: Record<string, string>): Promise<boolean> => {
      const before = await store(one!, redis, '/named?a=b')
      await write(one!, '/list', 'POST', headers)
      // another one, for its memory is never in the way
      const after = await get(two!, '/named?a=b')
      if (after === before) (two!.app.responseCache.store as TieredStore).get({ url: 'none', rest: '' })
      await write(one!, '/named?a=b', 'DELETE')
      await eventually('the other memory is purged', async () => (await get(two!, '/named?a=b')) !== after)
      await write(one!, '/named?a=b', 'DELETE')
      return after !== before
    }
    for (const location of [
      '/named?a=b',
      '/x/../named?a=b',
      'named?a=b',
      'http://site.test/named?a=b',
      '//site.test/named?a=b',
      '/named?a=b#part',
      'http://SITE.test:80/n%61med?a=b',
    ]) {
      assert.ok(await changes({ 'x-location': location }), `Location: ${location}`)
      assert.ok(await changes({ 'x-content-location': location }), `Content-Location: ${location}`)
    }
    for (const location of [
      'http://other.test/named?a=b',
      'https://site.test/named?a=b',
      'http://site.test:81/named?a=b',
      '/named',
      'javascript:1',
      'http://[',
    ]) {
      assert.ok(!(await changes({ 'x-location': location })), location)
    }
    for (const status of ['400', '404', '500', '503']) {
      assert.ok(!(await changes({ 'x-location': '/named?a=b', 'x-status': status })), status)
    }
    for (const status of ['200', '201', '303']) {
      assert.ok(await changes({ 'x-location': '/named?a=b', 'x-status': status }), status)
    }
  },
)

test(
  'a Redis that does not answer holds a write for a moment; what it owes passes the cache by until it is done',
  needsRedis,
  async (t) => {
    const port = await closedPort()
    await startRedis(t, port)
    const proxy = await startRedisProxy(t, port)
    const {
      redis,
      gateways: [one, two],
    } = await sharing(t, port, [proxy.port, port])
    const before = await store(one!, redis, '/x')
    await store(one!, redis, '/other')
    proxy.hold()
    assert.equal(await write(one!, '/x'), 204, 'answered without Redis')
    assert.equal(
      await redis.exists(entryKey(idOf({ url: 'http://site.test/x', rest: '' }))),
      1,
      'which still has the old one',
    )
    const after = await get(one!, '/x')
    assert.notEqual(after, before)
    proxy.release()
    const seen = await eventually('the others hear of it', async () => {
      const body = await get(two!, '/x')
      return body !== before && body
    })
    assert.equal(seen, after)
  },
)

test('with memory alone no write waits', async (t) => {
  const { app, ask } = await startCached(t, (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=3600' }).end('x')
  })
  await ask('/x')
  assert.equal(app.responseCache.invalidate(['http://site.test/x']), null)
})

test(
  'the answer to a write that waits for Redis comes whole, and a client that leaves meanwhile harms nobody',
  needsRedis,
  async (t) => {
    const port = await closedPort()
    await startRedis(t, port)
    const proxy = await startRedisProxy(t, port)
    unhurried(t)
    const large = Buffer.alloc(1_000_000, 'x')
    const gateway = await startCached(
      t,
      (incoming, response) => {
        if (incoming.url === '/broken') {
          response.writeHead(200, { 'content-length': '100000' }).write('part')
          setImmediate(() => response.destroy())
        } else response.writeHead(200, { 'x-a': 'b' }).end(incoming.url === '/large' ? large : 'small')
      },
      true,
      {},
      { redis: `redis://127.0.0.1:${proxy.port}`, cache: { redis: true } },
    )
    proxy.hold()
    const answers = await Promise.all(
      ['/small', '/large'].map((path) => request(gateway.url + path, { method: 'POST' })),
    )
    assert.deepEqual(
      answers.map(({ status, headers, body }) => [status, headers['x-a'], body.length]),
      [
        [200, 'b', 5],
        [200, 'b', 1_000_000],
      ],
    )
    await assert.rejects(request(`${gateway.url}/broken`, { method: 'POST' }), 'it breaks off, as without a cache')
    const leaving = new AbortController()
    const asking = fetch(`${gateway.url}/large`, { method: 'POST', signal: leaving.signal })
    await eventually('the upstream has answered', () => gateway.asked() === 4)
    leaving.abort()
    // the answer may have begun before the client left
    await asking.then((answer) => answer.arrayBuffer()).catch(() => {})
    assert.equal((await request(`${gateway.url}/small`, { method: 'POST' })).status, 200)
  },
)
