import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { needsRedis as options, startRedis, unhurried } from '../../limits/redis-server.ts'
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

/** Asks three times, of which the limit refuses the third. */
async function refused (ask: () => Promise<{ statusCode: number, headers: Record<string, unknown> }>): Promise<void> {
  for (const [status, left] of [[200, 1], [200, 0], [429, 0]] as const) {
    const { statusCode, headers } = await ask()
    assert.equal(statusCode, status)
    assert.match(String(headers.ratelimit), new RegExp(`^"one";r=${left};t=\\d+$`))
  }
}

async function ready (app: FastifyInstance): Promise<void> {
  if (app.redis!.status === 'wait') app.redis!.connect().catch(() => {})
  if (app.redis!.status !== 'ready') await event(app, 'ready')
}

test('counts stand in Redis under readable keys that end with their window', options, async (t) => {
  unhurried(t)
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
  unhurried(t)
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
  const { retryStrategy } = (app.redis as Redis).options
  for (const attempt of [1, 10, 1000]) assert.ok(Number(retryStrategy!(attempt)) <= 500, 'a pause that lets it be back within two seconds')
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
  // the command gives up as ever, the socket later than it would
  const patience = Object.assign(unhurried(t), { command: 100, socket: 5000 })
  server.kill('SIGSTOP')
  const closed = event(app, 'close')
  assert.equal((await ask()).statusCode, 200)
  assert.equal(app.redis!.status, 'ready', 'far from the seconds that a socket takes to give up')
  await closed
  // a command that were waited for would now take longer than the test may
  Object.assign(patience, { command: 600_000, socket: 600_000 })
  for (let i = 0; i < 20; i++) assert.equal((await ask()).statusCode, 200, 'none of which waits')
  assert.equal(told().length, 1)
  const back = event(app, 'ready')
  server.kill('SIGCONT')
  await back
  // it may have counted what came while it hung
  let asked = 1
  while ((await ask()).statusCode === 200) asked++
  assert.ok(asked <= 3, `${asked}`)
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
