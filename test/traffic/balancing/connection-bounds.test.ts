import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { accessRecord } from '../../../src/observe/logger.ts'
import { startBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { allOver, decided, upstream, upstreamOf } from '../resilience/exchange.ts'

/** Answers when told. */
function held(): { respond: RequestListener; waiting: ServerResponse[]; most: () => number } {
  const waiting: ServerResponse[] = []
  let open = 0
  let most = 0
  return {
    waiting,
    most: () => most,
    respond: (_request, response) => {
      most = Math.max(most, ++open)
      response.on('close', () => {
        open--
      })
      waiting.push(response)
    },
  }
}
const bounded = (url: string, more: object = {}, targetMore: object = {}) =>
  upstream([{ url, maxConnections: 1, ...targetMore }] as never, more)

test('one request too many is answered 503 at once, and goes through when there is room', async (t) => {
  const { respond, waiting, most } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, bounded(backend.url))
  const first = fetch(`${gateway.url}/a/x`)
  await eventually('under way', () => waiting.length === 1)
  const refused = await fetch(`${gateway.url}/a/x`)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(((await refused.json()) as { code: string }).code, 'GW_UPSTREAM_OVERLOADED')
  assert.equal(await decided(gateway, 'overloaded'), 1)
  waiting[0]!.end('ok')
  assert.equal((await first).status, 200)
  await allOver(gateway)
  const second = fetch(`${gateway.url}/a/x`)
  await eventually('under way', () => waiting.length === 2)
  waiting[1]!.end('ok')
  assert.equal((await second).status, 200)
  assert.equal(most(), 1)
})

test('a full target is passed over, for another or a backup', async (t) => {
  const { respond, waiting } = held()
  const backend = await startBackend(t, respond)
  const [other, backup] = [await startBackend(t), await startBackend(t)]
  const gateway = await startGateway(
    t,
    upstream([
      { url: backend.url, maxConnections: 1 },
      { url: backup.url, priority: 1 },
    ] as never),
  )
  const first = fetch(`${gateway.url}/a/x`)
  await eventually('under way', () => waiting.length === 1)
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  assert.equal(backup.received.length, 1)
  assert.equal(other.received.length, 0)
  waiting[0]!.end('ok')
  await first
})

test('requests wait in their order for room, with their bodies', async (t) => {
  const { respond, waiting, most } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, bounded(backend.url, { queue: { max: 3 } }))
  const upstreamQueue = upstreamOf(gateway).queue!
  const all = []
  for (let i = 0; i < 4; i++) {
    all.push(fetch(`${gateway.url}/a/${i}`, { method: 'POST', body: `body ${i}` }))
    await eventually('sent or waiting', () => waiting.length + upstreamQueue.size === i + 1)
  }
  const full = await fetch(`${gateway.url}/a/full`, { method: 'POST', body: 'x' })
  assert.equal(full.status, 503)
  assert.equal(full.headers.get('retry-after'), '1')
  assert.equal(await decided(gateway, 'queue_full'), 1)
  for (let i = 0; i < 4; i++) {
    await eventually('the next', () => waiting.length === i + 1 && backend.received.length === i + 1)
    assert.equal(upstreamQueue.size, 3 - i)
    waiting[i]!.end('ok')
  }
  for (const response of await Promise.all(all)) assert.equal(response.status, 200)
  assert.deepEqual(
    backend.received.map(({ url, body }) => [url, String(body)]),
    [0, 1, 2, 3].map((i) => [`/a/${i}`, `body ${i}`]),
  )
  assert.equal(most(), 1)
  await allOver(gateway)
})

test('who waits too long is answered 503, and a client that leaves frees its place', async (t) => {
  const { respond, waiting } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, bounded(backend.url, { queue: { max: 1, timeout: '2s' } }))
  const { queue } = upstreamOf(gateway)
  const first = fetch(`${gateway.url}/a/first`)
  await eventually('under way', () => waiting.length === 1)
  const leaving = httpRequest({ port: gateway.port, path: '/a/leaving' })
    .on('error', () => {})
    .end()
  await eventually('waiting', () => queue!.size === 1)
  leaving.destroy()
  await eventually('gone', () => queue!.size === 0)
  const late = await fetch(`${gateway.url}/a/late`)
  assert.equal(late.status, 503)
  assert.equal(((await late.json()) as { code: string }).code, 'GW_UPSTREAM_OVERLOADED')
  assert.equal(await decided(gateway, 'queue_timeout'), 1)
  waiting[0]!.end('ok')
  assert.equal((await first).status, 200)
  await allOver(gateway)
  assert.deepEqual(
    backend.received.map(({ url }) => url),
    ['/a/first'],
  )
})

test('a request whose target breaks waits for its second attempt in line', async (t) => {
  const { respond, waiting } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, bounded(backend.url, { queue: {} }))
  const first = fetch(`${gateway.url}/a/first`)
  await eventually('under way', () => waiting.length === 1)
  const second = fetch(`${gateway.url}/a/second`)
  await eventually('waiting', () => upstreamOf(gateway).queue!.size === 1)
  waiting[0]!.destroy()
  await eventually('the second in its place', () => waiting.length === 2 && upstreamOf(gateway).queue!.size === 1)
  waiting[1]!.end('second')
  assert.equal(await (await second).text(), 'second')
  await eventually('the first again', () => waiting.length === 3)
  waiting[2]!.end('first')
  assert.equal(await (await first).text(), 'first')
  await allOver(gateway)
})

test('when a target is back, who has waited comes before who is new', async (t) => {
  const [busy, back] = [held(), held()]
  const [one, other] = [await startBackend(t, busy.respond), await startBackend(t, back.respond)]
  const gateway = await startGateway(
    t,
    upstream(
      [
        { url: one.url, maxConnections: 1 },
        { url: other.url, maxConnections: 1 },
      ] as never,
      { queue: {} },
    ),
  )
  const { targets, queue } = upstreamOf(gateway)
  let isHeldBack = true
  targets[1]!.monitors.push({ isAvailable: () => !isHeldBack })
  const all = [fetch(`${gateway.url}/a/first`)]
  await eventually('under way', () => busy.waiting.length === 1)
  all.push(fetch(`${gateway.url}/a/waiting`))
  await eventually('waiting', () => queue!.size === 1)
  isHeldBack = false
  all.push(fetch(`${gateway.url}/a/new`))
  await eventually('one of them sent', () => other.received.length === 1 && queue!.size === 1)
  assert.equal(other.received[0]!.url, '/a/waiting')
  back.waiting[0]!.end()
  await eventually('the other sent', () => back.waiting.length === 2)
  for (const response of [busy.waiting[0]!, back.waiting[1]!]) response.end()
  for (const response of await Promise.all(all)) assert.equal(response.status, 200)
  await allOver(gateway)
})

test('the total timeout ends a wait', async (t) => {
  const { respond, waiting } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(
    t,
    bounded(backend.url, { queue: { timeout: '1 minute' }, timeouts: { total: '2s' } }),
  )
  const requests = [fetch(`${gateway.url}/a/x`), fetch(`${gateway.url}/a/x`)]
  await eventually('one of each', () => waiting.length === 1 && upstreamOf(gateway).queue!.size === 1)
  for (const response of await Promise.all(requests)) assert.equal(response.status, 504)
  assert.equal(upstreamOf(gateway).queue!.size, 0)
  await allOver(gateway)
})

test('a WebSocket takes its place until it closes, and can wait for one', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
  })
  const gateway = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, maxConnections: 1 }],
      queue: {},
      routes: [{ method: 'GET', url: '/ws', websocket: true }],
    },
  })
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/a/ws`)
    await once(socket, 'open')
    return socket
  }
  const first = await open()
  const second = open()
  await eventually('the second waits', () => upstreamOf(gateway).queue!.size === 1)
  assert.equal(sockets.clients.size, 1)
  first.close()
  ;(await second).close()
  await allOver(gateway)
})

test('clients that come and go at random leave no place taken', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    setTimeout(() => response.end('ok'), Math.random() * 4)
  })
  const gateway = await startGateway(
    t,
    upstream(
      [
        { url: backend.url, maxConnections: 2 },
        { url: backend.url.replace('127.0.0.1', 'localhost'), maxConnections: 3 },
      ] as never,
      { queue: { max: 20, timeout: '30ms' }, balance: 'least-requests' },
    ),
  )
  const { targets, queue } = upstreamOf(gateway)
  const seen: number[] = []
  await Promise.all(
    Array.from(
      { length: 300 },
      (_, i) =>
        new Promise<void>((resolve) => {
          const client = httpRequest({ port: gateway.port, path: '/a/x', agent: false }, (response) => {
            seen.push(response.statusCode!)
            response.resume()
          })
            .on('error', () => {})
            .on('close', () => resolve())
            .end()
          for (const target of targets) assert.ok(target.inFlight <= target.maxConnections)
          if (i % 3 === 0) setTimeout(() => client.destroy(), Math.random() * 60)
        }),
    ),
  )
  await allOver(gateway)
  assert.equal(queue!.size, 0)
  assert.ok(seen.includes(200) && seen.every((status) => status === 200 || status === 503), String(new Set(seen)))
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
})

test('the access log tells of a wait, and upstreams of plugins have queues too', async (t) => {
  const { respond, waiting } = held()
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, {
    'hand.ts': `export default async (app) => {
      const a = app.addUpstream({ name: 'a', targets: [{ url: '${backend.url}', maxConnections: 1 }], queue: {} })
      globalThis.waits = []
      app.addHook('onResponse', async (request, reply) => { globalThis.waits.push([request, reply]) })
      app.get('/a', { config: { auth: 'none' } }, (request, reply) => reply.forward(a))
    }`,
  })
  const requests = [fetch(`${gateway.url}/a`), fetch(`${gateway.url}/a`)]
  for (let i = 0; i < 2; i++) {
    await eventually('one at a time', () => waiting.length === i + 1 && upstreamOf(gateway).queue!.size === 1 - i)
    waiting[i]!.end()
  }
  await Promise.all(requests)
  const { waits } = globalThis as unknown as { waits: Parameters<typeof accessRecord>[] }
  await eventually('two records', () => waits.length === 2)
  const [none, some] = waits.map(([request, reply]) => accessRecord(request, reply, false).queueMs)
  assert.equal(none, undefined)
  assert.ok(Number(some) > 0)
})
