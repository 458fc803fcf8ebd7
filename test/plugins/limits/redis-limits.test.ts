import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { needsRedis as options, startRedis } from '../../limits/redis-server.ts'
import { closedPort } from '../../support/backend.ts'
import { stageApp } from '../auth/stage-app.ts'

/** An app with one limit of 2 over Redis, what it has logged, and a way to wait for its connection. */
async function start (t: TestContext, redis: string) {
  const lines: { level: number, msg: string, reason?: string }[] = []
  const app = await stageApp(t, { config: { redis }, log: { write: (line) => { lines.push(JSON.parse(line)) } } })
  app.get('/x', { config: { auth: 'none', limits: [{ name: 'one', algorithm: 'fixed', max: 2, windowMs: 60_000, by: 'address' }] } }, () => 'x')
  const ask = async () => (await app.inject('/x'))
  return { app, ask, told: () => lines.filter(({ msg }) => msg.startsWith('Redis')).map(({ msg }) => msg), lines }
}

/** `once` would reject for the errors that come before the event. */
const event = (app: FastifyInstance, name: string): Promise<void> => new Promise((resolve) => { app.redis!.once(name, () => resolve()) })

/**
 * Asks until the limit refuses. It takes three requests, and more on a machine so busy that a command runs into its timeout
 * and the request goes uncounted.
 */
async function refused (ask: () => Promise<{ statusCode: number, headers: Record<string, unknown> }>): Promise<void> {
  for (let asked = 1; asked <= 50; asked++) {
    const { statusCode, headers } = await ask()
    if (headers.ratelimit === undefined) continue
    if (statusCode === 429) return
    assert.equal(statusCode, 200)
    assert.match(String(headers.ratelimit), /^"one";r=[01];t=\d+$/)
  }
  assert.fail('the limit never refused')
}

async function ready (app: FastifyInstance): Promise<void> {
  if (app.redis!.status === 'wait') app.redis!.connect().catch(() => {})
  if (app.redis!.status !== 'ready') await event(app, 'ready')
}

test('counts stand in Redis under readable keys that end with their window', options, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const { app, ask } = await start(t, `redis://127.0.0.1:${port}`)
  await app.ready()
  await ready(app)
  // patient, unlike that of the app
  const own = new Redis(port)
  t.after(() => own.disconnect())
  await refused(ask)
  const key = '{gatehouse}:limit:one:fixed:60000:a:127.0.0.1'
  assert.deepEqual(await own.keys('*'), [key])
  const left = await own.pttl(key)
  assert.ok(left > 0 && left <= 60_000)
})

test('without Redis it boots and serves at once, claims nothing of what is left, and tells once', options, async (t) => {
  const { app, ask, told, lines } = await start(t, `redis://:hunter2@127.0.0.1:${await closedPort()}`)
  await app.ready()
  const lost = event(app, 'reconnecting')
  for (let i = 0; i < 5; i++) {
    const response = await ask()
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['ratelimit-policy'], '"one";q=2;w=60')
    assert.equal(response.headers.ratelimit, undefined)
  }
  await lost
  await event(app, 'reconnecting')
  assert.deepEqual(told(), ['Redis is away: limits are not counted until it is back'])
  assert.ok(!JSON.stringify(lines).includes('hunter2'))
})

test('killed and back: tells each once, and counts again by itself', options, async (t) => {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const { app, ask, told } = await start(t, `redis://127.0.0.1:${port}`)
  await app.ready()
  await ready(app)
  await refused(ask)
  const closed = event(app, 'close')
  server.kill('SIGKILL')
  await closed
  for (let i = 0; i < 5; i++) assert.equal((await ask()).statusCode, 200)
  const back = event(app, 'ready')
  await startRedis(t, port)
  await back
  await refused(ask)
  assert.deepEqual(told(), ['Redis is away: limits are not counted until it is back', 'Redis is back: limits are counted again'])
  await app.close()
  assert.equal(told().length, 2, 'closing is no loss')
})

test('a Redis that hangs delays a request by a command timeout, and soon none', options, async (t) => {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const { app, ask, told } = await start(t, `redis://127.0.0.1:${port}`)
  await app.ready()
  await ready(app)
  server.kill('SIGSTOP')
  const closed = event(app, 'close')
  const before = performance.now()
  assert.equal((await ask()).statusCode, 200)
  assert.ok(performance.now() - before < 1000, 'far from the seconds that a socket takes to give up')
  await closed
  const after = performance.now()
  for (let i = 0; i < 20; i++) assert.equal((await ask()).statusCode, 200)
  assert.ok(performance.now() - after < 1500, 'twenty requests, none of which waits')
  assert.equal(told().length, 1)
  const back = event(app, 'ready')
  server.kill('SIGCONT')
  await back
  await refused(ask)
})

test('a wrong password is told without showing it', options, async (t) => {
  const port = await closedPort()
  await startRedis(t, port, ['--requirepass', 'right'])
  const { app, ask, told, lines } = await start(t, `redis://:hunter2@127.0.0.1:${port}`)
  await app.ready()
  const lost = event(app, 'close')
  assert.equal((await ask()).statusCode, 200)
  await lost
  assert.equal((await ask()).statusCode, 200)
  assert.equal(told().length, 1)
  assert.ok(!JSON.stringify(lines).includes('hunter2'))
})
