import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { needsRedis, spawnRedis, stopRedis, unhurried } from '../../redis/redis-server.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
const token = (sub: string) => `Bearer ${signToken(jwt, { sub })}`

async function start(t: TestContext, upstream: object, config: ConfigInput = {}) {
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], ...upstream } },
    { jwt, ...config },
  )
  const ask = (path: string, headers: Record<string, string> = {}) => fetch(gateway.url + path, { headers })
  return { ...gateway, backend, ask }
}

test('past the limit it is 429, with the headers of the draft', async (t) => {
  const { ask, backend } = await start(t, {
    routes: [{ method: 'GET', url: '/x', rateLimit: { max: 2, window: '1 minute' } }],
  })
  const first = await ask('/x')
  assert.equal(first.status, 200)
  assert.equal(first.headers.get('ratelimit-policy'), '"route:a:GET /x";q=2;w=60')
  assert.match(first.headers.get('ratelimit')!, /^"route:a:GET \/x";r=1;t=(?:60|59)$/)
  assert.equal((await ask('/x')).status, 200)
  const refused = await ask('/x')
  assert.equal(refused.status, 429)
  assert.match(refused.headers.get('retry-after')!, /^(?:60|5\d)$/)
  assert.match(refused.headers.get('ratelimit')!, /r=0/)
  assert.equal(refused.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.equal(((await refused.json()) as { code: string }).code, 'GW_RATE_LIMITED')
  assert.equal(backend.received.length, 2)
})

test('a limit shared by many routes is one limit, HEAD included', async (t) => {
  const { ask, url } = await start(t, {
    rateLimit: { max: 3, window: '1 minute' },
    routes: [
      { method: 'GET', url: '/x' },
      { method: 'GET', url: '/y' },
      { method: 'GET', url: '/free', rateLimit: false },
    ],
  })
  assert.equal((await ask('/x')).status, 200)
  assert.equal((await ask('/y')).status, 200)
  assert.equal((await fetch(`${url}/x`, { method: 'HEAD' })).status, 200)
  assert.equal((await ask('/x')).status, 429)
  assert.equal((await ask('/y')).status, 429)
  assert.equal((await ask('/free')).status, 200)
  assert.equal((await ask('/free')).headers.get('ratelimit'), null)
})

test('the limit of the gateway comes on top, and the tightest is told', async (t) => {
  const { ask } = await start(
    t,
    { rateLimit: { max: 10, window: '1 minute' }, routes: [{ method: 'GET', url: '/x' }] },
    { rateLimit: { max: 2, window: '1h' } },
  )
  const first = await ask('/x')
  assert.equal(first.headers.get('ratelimit-policy'), '"gateway";q=2;w=3600, "upstream:a";q=10;w=60')
  assert.match(first.headers.get('ratelimit')!, /^"gateway";r=1/)
  await ask('/x')
  assert.equal((await ask('/x')).status, 429)
})

test('counts by consumer when one is known, else by address', async (t) => {
  const { ask } = await start(t, {
    rateLimit: { max: 1, window: '1 minute' },
    routes: [
      { method: 'GET', url: '/x', auth: { jwt: {} } },
      { method: 'GET', url: '/open' },
      { method: 'GET', url: '/addr', auth: { jwt: {} }, rateLimit: { max: 1, window: '1 minute', by: 'address' } },
    ],
  })
  assert.equal((await ask('/x', { authorization: token('ada') })).status, 200)
  assert.equal((await ask('/x', { authorization: token('grace') })).status, 200)
  assert.equal((await ask('/x', { authorization: token('ada') })).status, 429)
  assert.equal((await ask('/open')).status, 200)
  assert.equal((await ask('/open')).status, 429)
  assert.equal((await ask('/addr', { authorization: token('ada') })).status, 200)
  assert.equal((await ask('/addr', { authorization: token('grace') })).status, 429)
})

test('addresses come from trusted proxies alone, and IPv6 counts by /64', async (t) => {
  const upstream = { routes: [{ method: 'GET', url: '/x', rateLimit: { max: 1, window: '1 minute' } }] }
  const from = (address: string) => ({ 'x-forwarded-for': address })
  const distrusting = await start(t, upstream)
  assert.equal((await distrusting.ask('/x', from('192.0.2.1'))).status, 200)
  assert.equal((await distrusting.ask('/x', from('192.0.2.2'))).status, 429)
  const trusting = await start(t, upstream, { trustProxy: ['127.0.0.1'] })
  assert.equal((await trusting.ask('/x', from('192.0.2.1'))).status, 200)
  assert.equal((await trusting.ask('/x', from('::ffff:192.0.2.1'))).status, 429, 'the same address in IPv6 clothing')
  assert.equal(
    (await trusting.ask('/x', from('6.6.6.6, 192.0.2.1'))).status,
    429,
    'what stands further left is hearsay',
  )
  assert.equal((await trusting.ask('/x', from('192.0.2.2'))).status, 200)
  assert.equal((await trusting.ask('/x', from('2001:db8:1:2::1'))).status, 200)
  assert.equal((await trusting.ask('/x', from('2001:db8:1:2:ffff::9'))).status, 429)
  assert.equal((await trusting.ask('/x', from('2001:db8:1:3::1'))).status, 200)
})

test('a hand-written plugin states its limit', async (t) => {
  const { url } = await startGateway(t, {
    'p.mjs':
      "export default async (app) => { app.get('/p', { config: { auth: 'none', limit: { max: 1, window: '1m' } } }, () => ({ ok: true })) }",
  })
  assert.equal((await fetch(`${url}/p`)).status, 200)
  assert.equal((await fetch(`${url}/p`)).status, 429)
})

test('gateways on one Redis share their counts, and serve on without it', needsRedis, async (t) => {
  unhurried(t)
  const port = await closedPort()
  let redis = await spawnRedis(port)
  t.after(() => stopRedis(redis))
  const upstream = { rateLimit: { max: 3, window: '1 minute' }, routes: [{ method: 'GET', url: '/x' }] }
  const one = await start(t, upstream, { redis: `redis://127.0.0.1:${port}` })
  const two = await start(t, upstream, { redis: `redis://127.0.0.1:${port}` })
  // the first commands wait for the connection
  while (one.app.redis!.status !== 'ready' || two.app.redis!.status !== 'ready') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await one.ask('/x')).status, 200)
  assert.equal((await two.ask('/x')).status, 200)
  assert.equal((await one.ask('/x')).status, 200)
  assert.equal((await two.ask('/x')).status, 429)
  assert.equal((await one.ask('/x')).status, 429)

  await stopRedis(redis)
  await eventually('the loss is noticed', async () => (await one.ask('/x')).status === 200)
  assert.deepEqual(
    [(await one.ask('/x')).status, (await one.ask('/x')).status, (await one.ask('/x')).status],
    [200, 200, 429],
    'one further limit',
  )

  redis = await spawnRedis(port)
  await eventually('it counts in Redis again, which knows of nothing', async () => (await one.ask('/x')).status === 200)
  await eventually('and holds the limit', async () => (await one.ask('/x')).status === 429)
})
