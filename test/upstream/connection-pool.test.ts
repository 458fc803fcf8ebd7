import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { ConnectionPools } from '../../src/upstream/connection-pool.ts'
import type { DialSettings } from '../../src/upstream/dial.ts'
import { startBackend } from '../support/backend.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'

const settings = (more: Partial<DialSettings> = {}): DialSettings => ({
  origin: 'http://127.0.0.1:1',
  socket: undefined,
  addresses: undefined,
  tls: null,
  http2: false,
  connectTimeout: 1000,
  firstByte: 1000,
  lookup: undefined,
  ...more,
})

test('who dials in the same way shares the connections, until the last gives them back', async () => {
  const pools = new ConnectionPools()
  const first = pools.acquire(settings())
  assert.equal(pools.acquire(settings()), first)
  const tls = { verify: true, serverName: undefined, context: null, fingerprint: 'x' }
  const others = [
    { origin: 'http://127.0.0.1:2' },
    { socket: '/a.sock' },
    { addresses: ['10.0.0.1'] },
    { tls },
    { tls: { ...tls, fingerprint: 'y' } },
    { http2: 'prior-knowledge' },
    { connectTimeout: 5 },
  ] as const
  const distinct = new Set([first, ...others.map((more) => pools.acquire(settings(more)))])
  assert.equal(distinct.size, 8)
  await pools.release(first)
  assert.equal(pools.acquire(settings()), first, 'somebody had it still')
  for (const pool of [first, ...distinct]) await pools.release(pool)
  assert.deepEqual([pools.size, pools.draining], [0, 0])
  assert.notEqual(pools.acquire(settings()), first)
})

test('connections stay over a change of the configuration', async (t) => {
  const backend = await startBackend(t)
  let connections = 0
  backend.server.on('connection', () => connections++)
  const folder = await routesFolder(t, {
    'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: true },
  })
  const pools = new ConnectionPools()
  const before = await buildApp(testConfig(folder), pools)
  assert.equal((await before.inject('/x')).statusCode, 200)
  const after = await buildApp(testConfig(folder), pools)
  t.after(() => after.close())
  await before.close()
  assert.equal((await after.inject('/x')).statusCode, 200)
  assert.equal(connections, 1)
})

test('a gateway that closes waits for requests in flight, then cuts them', async (t) => {
  const backend = await startBackend(t, () => {})
  const pools = new ConnectionPools()
  const app = await buildApp(
    testConfig(
      await routesFolder(t, { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: true } }),
    ),
    pools,
  )
  const answer = app.inject('/x')
  while (app.upstreams.get('a')!.targets[0]!.inFlight === 0) await new Promise((resolve) => setImmediate(resolve))
  await app.upstreams.close(50)
  assert.equal((await answer).statusCode, 502)
  assert.deepEqual([pools.size, pools.draining], [0, 0])
  await app.close()
})
