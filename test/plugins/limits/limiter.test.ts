import assert from 'node:assert/strict'
import { connect, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { LimitRule } from '../../../src/limits/limit-schema.ts'
import { stageApp } from '../auth/stage-app.ts'

const rule = (more: Partial<LimitRule> = {}): LimitRule => ({
  name: 'one',
  algorithm: 'fixed',
  max: 1,
  windowMs: 60_000,
  by: 'address',
  ...more,
})
async function limited(t: TestContext, limits: LimitRule[] = [rule()]): Promise<FastifyInstance> {
  const app = await stageApp(t)
  app.get('/x', { config: { auth: 'none', limits } }, () => 'x')
  return app
}
const statusFrom = async (app: FastifyInstance, remoteAddress: string): Promise<number> =>
  (await app.inject({ url: '/x', remoteAddress })).statusCode

test('addresses: one bucket for IPv4 and its mapped form, one for a /64', async (t) => {
  const app = await limited(t)
  const order: [string, number][] = [
    ['192.0.2.1', 200],
    ['::ffff:192.0.2.1', 429],
    ['::ffff:c000:201', 429],
    ['64:ff9b::192.0.2.1', 429],
    ['192.0.2.2', 200],
    ['::ffff:192.0.2.3', 200],
    ['192.0.2.3', 429],
    ['::192.0.2.4', 200],
    ['192.0.2.4', 200],
    ['2001:db8:1:2::1', 200],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', 429],
    ['2001:db8:1:3::1', 200],
  ]
  for (const [address, status] of order) assert.equal(await statusFrom(app, address), status, address)
})

test('a flood from many addresses does not make the gateway forget whom it has refused', async (t) => {
  const app = await limited(t)
  assert.equal(await statusFrom(app, '192.0.2.1'), 200)
  for (let i = 0; i < 6000; i++) await statusFrom(app, `10.0.${i >> 8}.${i & 255}`)
  assert.equal(await statusFrom(app, '192.0.2.1'), 429)
})

test('the window begins anew when it is over', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const app = await limited(t)
  assert.equal(await statusFrom(app, '192.0.2.1'), 200)
  t.mock.timers.tick(59_999)
  const refused = await app.inject({ url: '/x', remoteAddress: '192.0.2.1' })
  assert.deepEqual(
    [refused.statusCode, refused.headers['retry-after'], refused.headers.ratelimit],
    [429, '1', '"one";r=0;t=1'],
  )
  t.mock.timers.tick(1)
  assert.equal(await statusFrom(app, '192.0.2.1'), 200)
})

test('gateways in one process share nothing', async (t) => {
  const [one, two] = [await limited(t), await limited(t)]
  assert.equal(await statusFrom(one, '192.0.2.1'), 200)
  assert.equal(await statusFrom(two, '192.0.2.1'), 200)
})

test('a refused request costs nothing, also where another limit would have allowed it', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const app = await limited(t, [rule({ name: 'small', max: 1 }), rule({ name: 'large', max: 3, windowMs: 120_000 })])
  const answers = []
  for (let i = 0; i < 4; i++) answers.push((await app.inject({ url: '/x' })).headers)
  assert.deepEqual(
    answers.map((headers) => headers.ratelimit),
    Array(4).fill('"small";r=0;t=60'),
  )
  assert.deepEqual(
    answers.map((headers) => headers['retry-after']),
    [undefined, '60', '60', '60'],
  )
  t.mock.timers.tick(60_000)
  assert.equal((await app.inject({ url: '/x' })).headers.ratelimit, '"small";r=0;t=60')
  t.mock.timers.tick(59_999)
  const again = await app.inject({ url: '/x' })
  assert.deepEqual([again.statusCode, again.headers['retry-after']], [429, '1'])
  assert.ok(answers.every((headers) => headers['ratelimit-policy'] === '"small";q=1;w=60, "large";q=3;w=120'))
})

test('a burst lets through exactly as many as the limit', async (t) => {
  const app = await limited(t, [rule({ max: 7 })])
  const statuses = await Promise.all(Array.from({ length: 50 }, () => statusFrom(app, '192.0.2.1')))
  assert.equal(statuses.filter((status) => status === 200).length, 7)
})

test('requests that come in one piece are counted one by one', async (t) => {
  const app = await limited(t, [rule({ max: 3 })])
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(
    'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4) + 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  )
  const text = String(Buffer.concat(await socket.toArray()))
  assert.deepEqual(text.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '200', '200', '429', '429'])
  assert.deepEqual(text.match(/(?<=;r=)\d+/g), ['2', '1', '0', '0', '0'])
})

test('names of every alphabet are answered', async (t) => {
  const app = await limited(t, [rule({ name: 'route:/日本 "x"' })])
  assert.equal((await app.inject('/x')).headers.ratelimit, '"route:/%E6%97%A5%E6%9C%AC \\"x\\"";r=0;t=60')
})

test('a limit written by hand that limits nothing stops the boot', async (t) => {
  const app = await stageApp(t)
  for (const limit of [
    { max: 0, window: '1m' },
    { max: 1, window: 'soon' },
    { max: 1 },
    { max: 1, window: '0s' },
    { max: 1, window: '1m', by: 'cookie' },
    true,
    5,
    null,
  ]) {
    assert.throws(
      () => app.get('/x', { config: { auth: 'none', limit: limit as never } }, () => 'x'),
      { name: 'BootProblems' },
      JSON.stringify(limit),
    )
  }
})

test('a route without limits pays for none', async (t) => {
  const app = await stageApp(t)
  const seen: unknown[] = []
  app.addHook('onRoute', ({ onRequest }) => {
    seen.push(onRequest)
  })
  app.get('/none', { config: { auth: 'none', limits: [] } }, () => 'x')
  app.get('/off', { config: { auth: 'none', limit: false } }, () => 'x')
  assert.deepEqual(seen, [undefined, undefined])
})
