import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { buildApp } from '../../../src/app.ts'
import type { TieredStore } from '../../../src/cache/tiered-store.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { eventually } from '../../support/eventually.ts'
import { needsRedis, spawnRedis, startRedis, stopRedis, unhurried } from '../../redis/redis-server.ts'
import { type Backend, closedPort, startBackend } from '../../support/backend.ts'
import { type Gateway, routesFolder, startGateway, testConfig } from '../../support/gateway.ts'
import { siteRequest } from '../../support/site-request.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const purge = { path: '/purge', auth: 'none' } as const

/** An upstream whose every answer is another, fresh for hours and longer useful. */
const startSource = (t: TestContext): Promise<Backend> => {
  let count = 0
  return startBackend(t, (request, response) => {
    response
      .setHeader('cache-control', 'max-age=36000')
      .setHeader('etag', `"${++count}"`)
      .setHeader('cache-tag', 'all')
      .setHeader('x-count', count)
    if (request.url!.startsWith('/large')) response.end(Buffer.alloc(300_000, `${count} `))
    else response.end(`answer ${count}`)
  })
}

/** A gateway in front of it; it gives responses to Redis from the first on. */
async function sharing(
  t: TestContext,
  source: Backend,
  redis: ConfigInput['redis'],
  more: ConfigInput = {},
): Promise<Gateway> {
  const gateway = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [source.url], cache: true, passThrough: true } },
    { redis, cache: { redis: true, purge }, ...more },
  )
  await connected(gateway)
  unhurried(t)
  tiered(gateway).patience = 60_000
  return gateway
}

const tiered = ({ app }: Gateway): TieredStore => app.responseCache.store as TieredStore

/** Waits until what a gateway purges can be heard by others, and it hears what they purge. */
const connected = (gateway: Gateway): Promise<unknown> =>
  eventually(
    'Redis is connected',
    async () => (await purged(gateway.url, { tag: 'nothing' })).status === 200 && tiered(gateway).isListening,
  )

const purged = async (url: string, body: object): Promise<{ status: number; purged: number; code?: string }> => {
  const answer = await fetch(`${url}/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, ...((await answer.json()) as { purged: number; code?: string }) }
}

const errors = async ({ app }: Gateway, operation: string): Promise<number> =>
  [...app.metrics.cacheStoreErrors].find(({ labels }) => labels.operation === operation)?.value ?? 0

async function twoGateways(t: TestContext, redis: ConfigInput['redis']): Promise<void> {
  const source = await startSource(t)
  const [one, two] = [await sharing(t, source, redis), await sharing(t, source, redis)]
  for (const path of ['/x', '/large']) {
    const first = await siteRequest(one.port, path)
    assert.equal(first.cache, 'uri-miss')
    // it is stored behind the answer, and a purge waits for that
    assert.equal((await purged(one.url, { tag: 'nothing' })).status, 200)
    const second = await siteRequest(two.port, path)
    assert.deepEqual([second.cache, second.headers['x-count']], ['hit', first.headers['x-count']], path)
    assert.ok(second.body === first.body, 'the same body')
  }
  assert.equal(source.received.length, 2)
  assert.equal((await purged(one.url, { url: '/x' })).purged, 1)
  const anew = await eventually('the purge has arrived', async () => {
    const answer = await siteRequest(two.port, '/x')
    return answer.headers['x-count'] !== '1' && answer
  })
  assert.equal(anew.body, 'answer 3')
  assert.equal((await purged(two.url, { tag: 'nothing' })).status, 200)
  // and it lasts: the other one takes what is new
  assert.equal((await siteRequest(one.port, '/x')).body, 'answer 3')
  assert.equal((await purged(two.url, { tag: 'all', soft: true })).purged, 2)
  const validated = await eventually('the soft purge has arrived', async () => {
    const answer = await siteRequest(one.port, '/x')
    return answer.cache === 'stale' && answer
  })
  assert.equal(validated.body, 'answer 4')
  assert.equal(source.received.at(-1)!.headers['if-none-match'], '"3"')
}

test('two gateways share responses and purges over one Redis', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  await twoGateways(t, `redis://127.0.0.1:${port}`)
})

test('an answer that is on its way to one gateway while another purges is not stored', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const held: ServerResponse[] = []
  const source = await startBackend(t, (_request, response) => {
    held.push(response)
  })
  const [one, two] = [
    await sharing(t, source, `redis://127.0.0.1:${port}`),
    await sharing(t, source, `redis://127.0.0.1:${port}`),
  ]
  const asking = siteRequest(two.port, '/x')
  await eventually('the upstream is asked', () => held.length === 1)
  const { purgeCount } = two.app.responseCache
  assert.equal((await purged(one.url, { prefix: '/' })).status, 200)
  await eventually('the purge has arrived', () => two.app.responseCache.purgeCount > purgeCount)
  held[0]!.writeHead(200, { 'cache-control': 'max-age=60' }).end('from before the change')
  assert.equal((await asking).body, 'from before the change')
  const again = siteRequest(two.port, '/x')
  await eventually('the upstream is asked again', () => held.length === 2)
  held[1]!.writeHead(200, { 'cache-control': 'max-age=60' }).end('from after it')
  assert.equal((await again).body, 'from after it')
})

test('and over a cluster', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port, [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--dir',
    temporaryFolder(t),
  ])
  const client = new Redis(port)
  t.after(() => client.disconnect())
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!(await client.cluster('INFO')).includes('cluster_state:ok')) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  await twoGateways(t, { cluster: [`redis://127.0.0.1:${port}`] })
})

test('a new process has what another has stored', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const source = await startSource(t)
  const one = await sharing(t, source, `redis://127.0.0.1:${port}`)
  await siteRequest(one.port, '/x')
  // ends when all is stored
  assert.equal((await purged(one.url, { tag: 'none' })).status, 200)
  await one.app.close()
  const two = await sharing(t, source, `redis://127.0.0.1:${port}`)
  assert.deepEqual(await siteRequest(two.port, '/x').then(({ body, cache }) => [body, cache]), ['answer 1', 'hit'])
})

test('a Redis that is killed and comes back under requests is no error to any client', needsRedis, async (t) => {
  const port = await closedPort()
  let server = await spawnRedis(port)
  t.after(() => stopRedis(server))
  const source = await startSource(t)
  const gateway = await sharing(t, source, `redis://127.0.0.1:${port}`)
  const statuses = new Map<number, number>()
  const stop = new AbortController()
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const { status } = await siteRequest(
        gateway.port,
        i % 3 === 0 ? '/same' : i % 3 === 1 ? `/large/${client}/${i}` : `/${client}/${i}`,
      )
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  const passed = (count: number): Promise<unknown> => {
    const before = statuses.get(200) ?? 0
    return eventually(`${count} more answers`, () => (statuses.get(200) ?? 0) >= before + count)
  }
  await passed(50)
  await stopRedis(server)
  await passed(100)
  assert.ok((await errors(gateway, 'get')) > 0)
  // the purge is told to be incomplete, and is done later
  assert.deepEqual(await purged(gateway.url, { url: '/same' }).then(({ status, code }) => [status, code]), [
    503,
    'GW_PURGE_INCOMPLETE',
  ])
  server = await spawnRedis(port)
  await connected(gateway)
  await passed(50)
  stop.abort()
  await Promise.all(clients)
  assert.deepEqual([...statuses.keys()], [200])
  const other = await sharing(t, source, `redis://127.0.0.1:${port}`)
  await siteRequest(gateway.port, '/afterwards')
  await purged(gateway.url, { tag: 'none' })
  assert.equal((await siteRequest(other.port, '/afterwards')).cache, 'hit', 'shared again')
})

test('a Redis that hangs costs a miss a moment, and then nothing', needsRedis, async (t) => {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const source = await startSource(t)
  const gateway = await sharing(t, source, `redis://127.0.0.1:${port}`)
  tiered(gateway).patience = 100
  server.kill('SIGSTOP')
  t.after(() => server.kill('SIGCONT'))
  const began = performance.now()
  assert.equal((await siteRequest(gateway.port, '/x')).status, 200)
  assert.ok(performance.now() - began < 20_000, 'it waits 100 ms for Redis, not until the socket gives up')
  assert.equal((await siteRequest(gateway.port, '/x')).cache, 'hit')
  assert.equal(await errors(gateway, 'get'), 1)
  // a client that goes while Redis is asked
  const gone = connect(gateway.port, '127.0.0.1').on('error', () => {})
  gone.write('GET /gone HTTP/1.1\r\nhost: site.test\r\n\r\n')
  const [, response] = (await once(gateway.app.server, 'request')) as [unknown, ServerResponse]
  gone.destroy()
  await once(response, 'close')
  await siteRequest(gateway.port, '/y')
  assert.equal(await errors(gateway, 'get'), 3)
  assert.deepEqual(
    source.received.map(({ url }) => url),
    ['/x', '/y'],
    'nothing is asked for it',
  )
})

test('what is wrong is answered though Redis was asked first', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  const gateway = await sharing(t, await startSource(t), `redis://127.0.0.1:${port}`)
  assert.equal((await siteRequest(gateway.port, '/x', { 'cache-control': 'only-if-cached' })).status, 504)
  assert.equal((await siteRequest(gateway.port, '/x')).status, 200)
  assert.equal((await siteRequest(gateway.port, '/x', { 'cache-control': 'only-if-cached' })).status, 200)
})

test('sharing without a Redis is a problem of the configuration', async (t) => {
  await assert.rejects(buildApp(testConfig(await routesFolder(t, {}), { cache: { redis: true } })), {
    message:
      "configuration: cache.redis: found true, but there is no Redis to keep responses in, allowed: true together with 'redis', the URL of one; or false",
  })
})
