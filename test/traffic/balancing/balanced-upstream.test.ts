import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../../src/app.ts'
import { BootProblems } from '../../../src/errors.ts'
import { runCommand } from '../../support/command.ts'
import { startBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { routesFolder, startGateway, testConfig } from '../../support/gateway.ts'
import { allOver, upstream } from '../resilience/exchange.ts'

const backends = (t: TestContext, count: number) => Promise.all(Array.from({ length: count }, () => startBackend(t)))
const get = async (url: string, headers = {}): Promise<number> => {
  const response = await fetch(url, { headers })
  await response.text()
  return response.status
}

test('a hash of a header sends each tenant to one target, and its requests elsewhere when that is gone', async (t) => {
  const services = await backends(t, 3)
  const { url } = await startGateway(
    t,
    upstream(
      services.map(({ url }) => url),
      { balance: { hash: { header: 'X-Tenant' } } },
    ),
  )
  const servedBy = () =>
    services.map(({ received }) => received.splice(0).map(({ headers }) => String(headers['x-tenant'])))
  const tenants = Array.from({ length: 20 }, (_, i) => `tenant-${i}`)
  const round = async () => {
    for (const tenant of tenants) assert.equal(await get(`${url}/a/x`, { 'x-tenant': tenant }), 200)
    return servedBy()
  }
  const before = await round()
  assert.deepEqual(await round(), before)
  assert.deepEqual(before.flat().toSorted(), tenants.toSorted())
  services[0]!.server.close()
  services[0]!.server.closeAllConnections()
  const after = await round()
  assert.deepEqual(after[0], [])
  for (const i of [1, 2]) {
    for (const tenant of before[i]!) assert.ok(after[i]!.includes(tenant), 'who was elsewhere has not moved')
  }
})

test('a hash of the consumer keeps each with one target, whatever the address', async (t) => {
  const services = await backends(t, 3)
  const keys = ['one', 'two', 'three', 'four', 'five', 'six']
  const { url } = await startGateway(
    t,
    upstream(
      services.map(({ url }) => url),
      { auth: { apiKey: {} }, balance: { hash: 'consumer' } },
    ),
    {
      apiKeys: { keys: keys.map((name) => ({ name, sha256: createHash('sha256').update(name).digest('hex') })) },
    },
  )
  for (let i = 0; i < 3; i++) {
    for (const key of keys) assert.equal(await get(`${url}/a/${key}`, { 'x-api-key': key }), 200)
  }
  const places = services.map(({ received }) => new Set(received.map(({ url }) => url)))
  assert.equal(
    places.reduce((sum, { size }) => sum + size, 0),
    keys.length,
    'each at one target',
  )
  assert.ok(places.filter(({ size }) => size > 0).length > 1)
})

test('a hash of the path does without the query, and the gateway states it for all', async (t) => {
  const services = await backends(t, 4)
  const { url } = await startGateway(t, upstream(services.map(({ url }) => url)), { balance: { hash: 'path' } })
  for (let i = 0; i < 6; i++) await get(`${url}/a/one?page=${i}`)
  assert.deepEqual(services.map(({ received }) => received.length).toSorted(), [0, 0, 0, 6])
  for (let i = 0; i < 40; i++) await get(`${url}/a/${i}`)
  assert.ok(services.every(({ received }) => received.length > 0))
})

test('least-requests spares a slow target, and what one has begun counts until its response has ended', async (t) => {
  const held: (() => void)[] = []
  const slow = await startBackend(t, (_request, response) => {
    response.write('begun')
    held.push(() => response.end())
  })
  const fast = await startBackend(t)
  const gateway = await startGateway(t, upstream([slow.url, fast.url], { balance: 'least-requests' }))
  const waiting = [fetch(`${gateway.url}/a/x`), fetch(`${gateway.url}/a/x`)]
  await eventually('one of each', () => held.length === 1 && fast.received.length === 1)
  for (let i = 0; i < 20; i++) assert.equal(await get(`${gateway.url}/a/x`), 200)
  assert.equal(slow.received.length, 1)
  assert.equal(fast.received.length, 21)
  for (const end of held) end()
  await Promise.all(waiting.map(async (response) => (await response).text()))
  await allOver(gateway)
})

test('latency leaves a target that fails fast, and goes where answers are fast', async (t) => {
  // time passes at the slow one alone
  const clock = { now: Math.ceil(performance.now()) }
  t.mock.method(performance, 'now', () => clock.now)
  const failing = await startBackend(t, (_request, response) => {
    response.writeHead(503).end()
  })
  const slow = await startBackend(t, (_request, response) => {
    clock.now += 60
    response.end('slow')
  })
  const fast = await startBackend(t)
  const { url } = await startGateway(t, upstream([failing.url, slow.url, fast.url], { balance: 'latency' }))
  for (let i = 0; i < 30; i++) await get(`${url}/a/x`)
  assert.equal(failing.received.length, 1)
  assert.ok(slow.received.length <= 2, `${slow.received.length} at the slow one`)
})

test('backups get requests only while no other target can take them', async (t) => {
  const [main, second, backup] = await backends(t, 3)
  const { url } = await startGateway(
    t,
    upstream([{ url: backup!.url, priority: 1 }, main!.url, second!.url] as never, { balance: 'random' }),
  )
  for (let i = 0; i < 10; i++) await get(`${url}/a/x`)
  assert.equal(backup!.received.length, 0)
  for (const { server } of [main!, second!]) {
    server.close()
    server.closeAllConnections()
  }
  for (let i = 0; i < 5; i++) assert.equal(await get(`${url}/a/x`), 200)
  assert.equal(backup!.received.length, 5)
})

test('mistakes name their fields', async (t) => {
  const folder = await routesFolder(t, {
    ...upstream([{ url: 'http://127.0.0.1:1', weight: 0, priority: -1, maxConnections: 0 }] as never, {
      balance: 'least-request',
      queue: { max: 0, timeout: 'soon' },
    }),
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/' }],
      balance: { hash: { header: 'x y' } },
    },
    'c.json': {
      name: 'c',
      prefix: '/c',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/' }],
      queue: {},
    },
    'd.json': {
      name: 'd',
      prefix: '/d',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/' }],
      balance: { hash: 'path', sticky: {} },
    },
    'e.json': {
      name: 'e',
      prefix: '/e',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/' }],
      balance: { sticky: { cookie: '__Host-route' } },
    },
  })
  const error = await buildApp(testConfig(folder)).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BootProblems, String(error))
  for (const pattern of [
    /a\.json: targets\[0\]\.weight: /,
    /a\.json: targets\[0\]\.priority: /,
    /a\.json: targets\[0\]\.maxConnections: /,
    /a\.json: balance: .*did you mean "least-requests"/,
    /a\.json: queue\.max: /,
    /a\.json: queue\.timeout: /,
    /b\.json: balance\.hash\.header: /,
    /c\.json: queue: .*maxConnections/,
    /d\.json: balance: .*either/,
    /e\.json: balance\.sticky\.cookie: .*browsers refuse/,
  ]) {
    assert.match(error.message, pattern)
  }
})

test('a secret that is too short is refused without being shown', async (t) => {
  const folder = await routesFolder(t, upstream(['http://127.0.0.1:1']))
  const { code, stdout, stderr } = await runCommand(t, ['check', '--routes', folder], {
    cwd: folder,
    env: { GATEHOUSE_STICKY_SECRET: 'too short' },
  })
  assert.notEqual(code, 0)
  assert.match(stdout + stderr, /GATEHOUSE_STICKY_SECRET.*32/)
  assert.doesNotMatch(stdout + stderr, /too short/)
})
