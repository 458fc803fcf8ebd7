import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { LEASE_MS } from '../../../src/limits/limit-script.ts'
import { type LimitDeclaration, limitRules } from '../../../src/limits/limit-schema.ts'
import { needsRedis, spawnRedis, startRedis, stopRedis, unhurried } from '../../redis/redis-server.ts'
import { closedPort } from '../../support/backend.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { stageApp } from '../auth/stage-app.ts'

async function start(t: TestContext, config: ConfigInput, limits: LimitDeclaration): Promise<FastifyInstance> {
  unhurried(t)
  const app = await stageApp(t, { config })
  app.get('/x', { config: { auth: 'none', limits: limitRules('one', limits) } }, () => 'x')
  await app.ready()
  await connected(app)
  return app
}

async function connected(app: FastifyInstance): Promise<void> {
  if (app.redis!.status === 'wait') app.redis!.connect().catch(() => {})
  if (app.redis!.status !== 'ready') {
    await new Promise<void>((resolve) => {
      app.redis!.once('ready', () => resolve())
    })
  }
}

const statuses = async (app: FastifyInstance, count: number): Promise<number[]> => {
  const seen: number[] = []
  for (let i = 0; i < count; i++) seen.push((await app.inject('/x')).statusCode)
  return seen
}

/** What Redis has been asked, as it tells itself. */
async function commands(client: Redis, name: string): Promise<number> {
  const stats = await client.info('commandstats')
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

async function patient(t: TestContext, port: number): Promise<Redis> {
  const client = new Redis(port)
  t.after(() => client.disconnect())
  await client.ping()
  return client
}

test('however many limits: one script for a request, and none for whoever is past one', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const app = await start(t, { redis: `redis://127.0.0.1:${port}` }, [
    { max: 100, window: '1h' },
    { max: 5, window: '1h', algorithm: 'sliding' },
    { max: 50, window: '1h', burst: 60 },
    { concurrent: 10 },
    { quota: { max: 99, per: 'month' } },
  ])
  const client = await patient(t, port)
  const asked = async () => (await commands(client, 'evalsha')) + (await commands(client, 'eval'))
  assert.deepEqual(await statuses(app, 5), [200, 200, 200, 200, 200])
  assert.equal(await asked(), 5)
  assert.equal((await client.keys('*')).length, 4, 'a state for each limit, and no place is held')
  assert.deepEqual(await statuses(app, 50), Array(50).fill(429))
  assert.equal(await asked(), 6)
})

test('a lone fixed window and one beside others are one count', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  unhurried(t)
  const app = await stageApp(t, { config: { redis: `redis://127.0.0.1:${port}` } })
  const [gateway] = limitRules('gateway', { max: 3, window: '1h' })
  app.get('/x', { config: { auth: 'none', limits: [gateway!] } }, () => 'x')
  app.get(
    '/both',
    { config: { auth: 'none', limits: [gateway!, ...limitRules('other', { max: 50, window: '1h' })] } },
    () => 'x',
  )
  app.get('/costly', { config: { auth: 'none', limits: [gateway!], cost: 2 } }, () => 'x')
  await app.ready()
  await connected(app)
  const answers = []
  for (const url of ['/x', '/both', '/costly', '/x', '/both', '/x']) answers.push(await app.inject(url))
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [200, 200, 429, 200, 429, 429],
  )
  assert.deepEqual(
    answers.map(({ headers }) => /r=(\d+)/.exec(String(headers.ratelimit))![1]),
    ['2', '1', '1', '0', '0', '0'],
  )
})

for (const [onFailure, away] of [
  ['open', [200, 200, 200, 429]],
  ['closed', [503, 503, 503, 503]],
] as const) {
  for (const limits of [
    { max: 3, window: '1h' },
    [
      { max: 3, window: '1h' },
      { max: 50, window: '1h' },
    ],
  ] as LimitDeclaration[]) {
    test(
      `while Redis is away, ${onFailure}: ${Array.isArray(limits) ? 'several limits' : 'one limit'}, and back by itself`,
      needsRedis,
      async (t) => {
        const port = await closedPort()
        const server = await spawnRedis(port)
        t.after(() => stopRedis(server))
        const app = await start(t, { redis: `redis://127.0.0.1:${port}`, limits: { onFailure } }, limits)
        assert.deepEqual(await statuses(app, 4), [200, 200, 200, 429])
        const closed = new Promise<void>((resolve) => {
          app.redis!.once('close', () => resolve())
        })
        await stopRedis(server)
        await closed
        assert.deepEqual(await statuses(app, 4), away)
        if (onFailure === 'closed') {
          const { headers, body } = await app.inject('/x')
          assert.deepEqual([headers['retry-after'], JSON.parse(body).code], ['1', 'GW_LIMITS_UNAVAILABLE'])
        }
        const back = new Promise<void>((resolve) => {
          app.redis!.once('ready', () => resolve())
        })
        await startRedis(t, port)
        await back
        assert.deepEqual(await statuses(app, 4), [200, 200, 200, 429])
      },
    )
  }
}

test('a Redis that answers errors, as a full one does, fails like one that is away', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const app = await start(
    t,
    { redis: `redis://127.0.0.1:${port}`, limits: { onFailure: 'closed' } },
    { max: 3, window: '1h' },
  )
  const client = await patient(t, port)
  await client.config('SET', 'maxmemory', '1')
  assert.deepEqual(await statuses(app, 2), [503, 503])
  await client.config('SET', 'maxmemory', '0')
  assert.deepEqual(await statuses(app, 1), [200])
})

test(
  'requests under way hold leases in Redis, which are renewed, and end by themselves when the gateway does not',
  needsRedis,
  async (t) => {
    const port = await closedPort()
    await startRedis(t, port)
    const client = await patient(t, port)
    t.mock.timers.enable({ apis: ['setInterval'] })
    unhurried(t)
    const app = await stageApp(t, { config: { redis: `redis://127.0.0.1:${port}` } })
    /** What answers each request that has come through. */
    const answers: (() => void)[] = []
    const arrived = async (count: number): Promise<void> => {
      while (answers.length < count) await new Promise((resolve) => setImmediate(resolve))
    }
    app.get(
      '/slow',
      { config: { auth: 'none', limits: limitRules('busy', { concurrent: 1, by: 'route' }) } },
      () =>
        new Promise((resolve) => {
          answers.push(() => resolve('x'))
        }),
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    await connected(app)
    const { port: own } = app.server.address() as { port: number }
    const first = fetch(`http://127.0.0.1:${own}/slow`)
    await arrived(1)
    const [key] = await client.keys('*')
    assert.equal(key, '{gatehouse}:limit:busy:concurrency:r::GET /slow')
    const scoreOf = async (): Promise<number> => Number((await client.zrange(key!, '0', '-1', 'WITHSCORES'))[1])
    const leased = await scoreOf()
    assert.ok(leased - Date.now() <= LEASE_MS)
    await client.zadd(key!, leased - 20_000, String((await client.zrange(key!, '0', '0'))[0]))
    t.mock.timers.tick(LEASE_MS / 3)
    while ((await scoreOf()) < leased) await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await fetch(`http://127.0.0.1:${own}/slow`)).status, 429)
    // as after a crash: nobody renews, and the lease is over
    await client.zadd(key!, Date.now() - 1, String((await client.zrange(key!, '0', '0'))[0]))
    const second = fetch(`http://127.0.0.1:${own}/slow`)
    await arrived(2)
    answers[0]!()
    await (await first).text()
    while ((await client.zcard(key!)) !== 1) await new Promise((resolve) => setImmediate(resolve))
    answers[1]!()
    assert.equal((await second).status, 200)
    while ((await client.exists(key!)) === 1) await new Promise((resolve) => setImmediate(resolve))
  },
)

test('a cluster: keys of one request stand on one node', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port, [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--dir',
    temporaryFolder(t),
  ])
  const client = await patient(t, port)
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!(await client.cluster('INFO')).includes('cluster_state:ok')) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const app = await start(t, { redis: { cluster: [`redis://127.0.0.1:${port}`] } }, [
    { max: 3, window: '1h' },
    { concurrent: 9 },
    { quota: { max: 99, per: 'day' } },
  ])
  assert.deepEqual(await statuses(app, 4), [200, 200, 200, 429])
})

test('sentinels: the gateway finds the Redis that they watch over', needsRedis, async (t) => {
  const [port, sentinel] = [await closedPort(), await closedPort()]
  await startRedis(t, port, ['--requirepass', 'right'])
  const folder = temporaryFolder(t, {
    'sentinel.conf': `sentinel monitor limits 127.0.0.1 ${port} 1\nsentinel auth-pass limits right\n`,
  })
  await startRedis(t, sentinel, [`${folder}/sentinel.conf`, '--sentinel'])
  const app = await start(
    t,
    { redis: { sentinels: [`redis://127.0.0.1:${sentinel}`], name: 'limits', password: 'right' } },
    { max: 3, window: '1h' },
  )
  assert.deepEqual(await statuses(app, 4), [200, 200, 200, 429])
})

test('text that is no URL stops the boot without being shown', async (t) => {
  for (const redis of ['redis://:hunter2@', { cluster: ['redis://:hunter2@:x'] }] as never[]) {
    await assert.rejects(
      stageApp(t, { config: { redis } }),
      (error: Error) => error.name === 'BootProblems' && !error.message.includes('hunter2'),
    )
  }
})
