import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { needsRedis as options, startRedis, unhurried } from '../../redis/redis-server.ts'
import { closedPort } from '../../support/backend.ts'
import { stageApp } from '../auth/stage-app.ts'

/** An app with one limit of 2 over Redis, what it has logged, and a way to wait for its connection. */
async function start(t: TestContext, redis: string) {
  const lines: { level: number; msg: string; reason?: string }[] = []
  const app = await stageApp(t, {
    config: { redis },
    log: {
      write: (line) => {
        lines.push(JSON.parse(line))
      },
    },
  })
  app.get(
    '/x',
    {
      config: { auth: 'none', limits: [{ name: 'one', algorithm: 'fixed', max: 2, windowMs: 60_000, by: 'address' }] },
    },
    () => 'x',
  )
  const ask = async () => await app.inject('/x')
  return { app, ask, told: () => lines.filter(({ msg }) => msg.startsWith('Redis')).map(({ msg }) => msg), lines }
}

/** `once` would reject for the errors that come before the event. */
const event = (app: FastifyInstance, name: string): Promise<void> =>
  new Promise((resolve) => {
    app.redis!.once(name, () => resolve())
  })

/** Asks three times, of which the limit refuses the third. */
async function refused(ask: () => Promise<{ statusCode: number; headers: Record<string, unknown> }>): Promise<void> {
  for (const [status, left] of [
    [200, 1],
    [200, 0],
    [429, 0],
  ] as const) {
    const { statusCode, headers } = await ask()
    assert.equal(statusCode, status)
    assert.match(String(headers.ratelimit), new RegExp(`^"one";r=${left};t=\\d+$`))
  }
}

async function ready(app: FastifyInstance): Promise<void> {
  if (app.redis!.status === 'wait') app.redis!.connect().catch(() => {})
  if (app.redis!.status !== 'ready') await event(app, 'ready')
}

const AWAY = 'Redis is away: each gateway counts limits by itself until it is back'
const BACK = 'Redis is back: limits are counted there again'

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

test(
  'without Redis it boots and serves at once, claims nothing of what is left, and tells once',
  options,
  async (t) => {
    const { app, ask, told, lines } = await start(t, `redis://:hunter2@127.0.0.1:${await closedPort()}`)
    await app.ready()
    const lost = event(app, 'reconnecting')
    // it counts by itself
    await refused(ask)
    await lost
    await event(app, 'reconnecting')
    assert.deepEqual(told(), [AWAY])
    assert.ok(!JSON.stringify(lines).includes('hunter2'))
  },
)

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
  await refused(ask)
  const { retryStrategy } = (app.redis as Redis).options
  for (const attempt of [1, 10, 1000]) {
    assert.ok(Number(retryStrategy!(attempt)) <= 500, 'a pause that lets it be back within two seconds')
  }
  const back = event(app, 'ready')
  await startRedis(t, port)
  await back
  await refused(ask)
  assert.deepEqual(told(), [AWAY, BACK])
  await app.close()
  assert.equal(told().length, 2, 'closing is no loss')
})

test('a Redis that hangs delays a request by the patience with a command, and soon none', options, async (t) => {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const { app, ask, told } = await start(t, `redis://127.0.0.1:${port}`)
  await app.ready()
  await ready(app)
  const patience = Object.assign(unhurried(t), { command: 300 })
  server.kill('SIGSTOP')
  const closed = event(app, 'close')
  const first = await Promise.all(Array.from({ length: 10 }, ask))
  assert.deepEqual(
    first.map(({ statusCode }) => statusCode).sort(),
    [200, 200, ...Array<number>(8).fill(429)],
    'at most one further limit',
  )
  await closed
  // a command that were waited for would now take longer than the test may
  patience.command = 600_000
  for (let i = 0; i < 20; i++) assert.equal((await ask()).statusCode, 429, 'none of which waits')
  assert.deepEqual(told(), [AWAY])
  const back = event(app, 'ready')
  server.kill('SIGCONT')
  await back
  // it may have counted what came while it hung
  let asked = 1
  while ((await ask()).statusCode === 200) asked++
  assert.ok(asked <= 3, `${asked}`)
})

test('a burst before the connection is made waits for it, and is counted exactly', options, async (t) => {
  unhurried(t)
  const port = await closedPort()
  await startRedis(t, port)
  const apps = await Promise.all([start(t, `redis://127.0.0.1:${port}`), start(t, `redis://127.0.0.1:${port}`)])
  await Promise.all(apps.map(({ app }) => app.ready()))
  assert.ok(apps.every(({ app }) => app.redis!.status === 'wait'))
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => apps[i % 2]!.ask()))
  assert.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 2)
  assert.equal(answers.filter(({ statusCode }) => statusCode === 429).length, 38)
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
