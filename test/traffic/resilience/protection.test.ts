import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest, type RequestListener } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { closedPort, startBackend, startRawBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { accessRecord } from '../../../src/observe/logger.ts'
import { allOver, BACKOFF, decided, statuses, upstream, upstreamOf } from './exchange.ts'

test('a slow attempt is overtaken by a copy on another target, and broken off', async (t) => {
  const cut = Promise.withResolvers<void>()
  const slow = await startBackend(t, (_request, response) => {
    response.on('close', () => cut.resolve())
  })
  const fast = await startBackend(t)
  const gateway = await startGateway(t, upstream([slow.url, fast.url], { hedging: { after: '30ms' } }))
  const ended: (string | null)[] = []
  upstreamOf(gateway).targets[0]!.monitors.push({
    ended: (_status, failure) => {
      ended.push(failure)
    },
  })
  const response = await fetch(`${gateway.url}/a/x`)
  assert.equal(response.status, 200)
  await cut.promise
  assert.deepEqual(ended, ['cancelled'])
  assert.equal(await decided(gateway, 'hedged'), 1)
  assert.equal(slow.received.length, 1)
  assert.equal(fast.received.length, 1)
  await allOver(gateway)
})

test('what a slow answer is can be learnt from the answers before', async (t) => {
  let slow = false
  const respond: RequestListener = (_request, response) => {
    if (!slow) response.end('fast')
    slow = false
  }
  const [one, other] = [await startBackend(t, respond), await startBackend(t, respond)]
  const gateway = await startGateway(t, upstream([one.url, other.url], { hedging: { after: 'p95' } }))
  for (let i = 0; i < 20; i++) await (await fetch(`${gateway.url}/a/x`)).text()
  assert.equal(await decided(gateway, 'hedged'), 0)
  slow = true
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  assert.equal(await decided(gateway, 'hedged'), 1)
})

test('a fast answer sends no copy, and requests that change something never get one', async (t) => {
  const waiting: (() => void)[] = []
  const backend = await startBackend(t, (request, response) => {
    if (request.url === '/a/now') response.end('now')
    else waiting.push(() => response.end('late'))
  })
  const gateway = await startGateway(
    t,
    upstream([backend.url, `${backend.url}/`.replace('127.0.0.1', 'localhost')], { hedging: { after: '1ms' } }),
  )
  for (let i = 0; i < 3; i++) await (await fetch(`${gateway.url}/a/now`, { method: 'DELETE' })).text()
  const late = Promise.all(
    ['PUT', 'DELETE', 'POST'].map((method) =>
      fetch(`${gateway.url}/a/x`, { method, body: method === 'DELETE' ? undefined : 'x' }),
    ),
  )
  await eventually('all waiting', () => waiting.length === 3)
  const hedged = fetch(`${gateway.url}/a/x`)
  await eventually('a GET and its copy', () => waiting.length === 5)
  for (const answer of waiting) answer()
  await late
  assert.equal((await hedged).status, 200)
  assert.equal(await decided(gateway, 'hedged'), 1)
  await allOver(gateway)
})

test('an unusable answer does not win while the other attempt is under way', async (t) => {
  const copied = Promise.withResolvers<void>()
  const first = await startBackend(t, (_request, response) => {
    copied.promise.then(() => response.writeHead(500).end('broken'))
  })
  const second = await startBackend(t, (_request, response) => {
    copied.resolve()
    eventually('the first has answered', () => upstreamOf(gateway).targets[0]!.inFlight === 0).then(() =>
      response.end('good'),
    )
  })
  const gateway = await startGateway(t, upstream([first.url, second.url], { hedging: { after: '5ms' } }))
  const response = await fetch(`${gateway.url}/a/x`)
  assert.equal(response.status, 200)
  assert.equal(await response.text(), 'good')
  await allOver(gateway)
})

test('copies count in the retry budget', async (t) => {
  // the requests of ten seconds count, however long they take here
  const now = performance.now()
  t.mock.method(performance, 'now', () => now)
  const slow = await startBackend(t, (_request, response) => {
    setTimeout(() => response.end('ok'), 20)
  })
  const other = await startBackend(t, (_request, response) => {
    setTimeout(() => response.end('ok'), 20)
  })
  const gateway = await startGateway(
    t,
    upstream([slow.url, other.url], { hedging: { after: '1ms' }, retries: { budget: { percent: 10, minimum: 2 } } }),
  )
  await Promise.all(
    Array.from({ length: 40 }, async () => assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)),
  )
  assert.ok(
    slow.received.length + other.received.length <= 44,
    `${slow.received.length + other.received.length} for 40`,
  )
  await allOver(gateway)
})

test('a client that leaves takes every copy with it', async (t) => {
  let open = 0
  const hang = (_request: unknown, response: { on(event: 'close', listener: () => void): unknown }): void => {
    open++
    response.on('close', () => {
      open--
    })
  }
  const [one, other] = [await startBackend(t, hang), await startBackend(t, hang)]
  const gateway = await startGateway(t, upstream([one.url, other.url], { hedging: { after: '5ms' } }))
  const client = httpRequest({ port: gateway.port, path: '/a/x' })
    .on('error', () => {})
    .end()
  await eventually('both have it', () => open === 2)
  client.destroy()
  await eventually('both are free', () => open === 0)
  await allOver(gateway)
})

test('a circuit opens, answers 503 with Retry-After at once, and a single probe closes it', async (t) => {
  // the time stands still until the test lets it go on
  const clock = { now: Math.ceil(performance.now()) }
  t.mock.method(performance, 'now', () => clock.now)
  let healthy = false
  let release: (() => void) | undefined
  const backend = await startBackend(t, (_request, response) => {
    if (!healthy) response.writeHead(503).end()
    else release = () => response.end('ok')
  })
  const gateway = await startGateway(
    t,
    upstream([backend.url], { circuitBreaker: { failures: 3, open: '1s', maxOpen: '1s' } }),
  )
  for (let i = 0; i < 3; i++) assert.equal((await fetch(`${gateway.url}/a/x`)).status, 503)
  const refused = await fetch(`${gateway.url}/a/x`)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(((await refused.json()) as { code: string }).code, 'GW_UPSTREAM_UNAVAILABLE')
  assert.equal(backend.received.length, 3)
  healthy = true
  clock.now += 999
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 503)
  assert.equal(backend.received.length, 3)
  clock.now += 1
  const probe = fetch(`${gateway.url}/a/x`)
  await eventually('the probe is there', () => release !== undefined)
  const beside = await Promise.all(Array.from({ length: 5 }, async () => (await fetch(`${gateway.url}/a/x`)).status))
  assert.deepEqual(beside, [503, 503, 503, 503, 503], 'one probe at a time')
  release!()
  assert.equal((await probe).status, 200)
  assert.equal(backend.received.length, 4)
  const after = fetch(`${gateway.url}/a/x`)
  await eventually('requests pass again', () => backend.received.length === 5)
  release!()
  assert.equal((await after).status, 200)
  for (const [decision, times] of [
    ['opened', 1],
    ['half_opened', 1],
    ['closed', 1],
  ] as const) {
    assert.equal(await decided(gateway, decision), times, decision)
  }
})

test('an open circuit keeps requests from its target alone', async (t) => {
  const good = await startBackend(t)
  const bad = await startBackend(t, statuses(503))
  const gateway = await startGateway(t, upstream([bad.url, good.url], { circuitBreaker: { failures: 2, open: '1h' } }))
  const got: number[] = []
  for (let i = 0; i < 20; i++) got.push((await fetch(`${gateway.url}/a/x`)).status)
  assert.equal(got.filter((status) => status === 503).length, 2)
  assert.equal(bad.received.length, 2)
})

test('with every circuit open for long, clients are told to wait a minute at most', async (t) => {
  const gateway = await startGateway(
    t,
    upstream([`http://127.0.0.1:${await closedPort()}`], { circuitBreaker: { failures: 1, open: '1h' } }),
  )
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 502)
  assert.equal((await fetch(`${gateway.url}/a/x`)).headers.get('retry-after'), '60')
})

test('a client that is slow to send its body is told so, and not held against the target', async (t) => {
  const backend = await startBackend(t, () => {})
  const gateway = await startGateway(
    t,
    upstream([backend.url], {
      timeouts: { total: '1s' },
      retries: { perTryTimeout: '200ms' },
      circuitBreaker: { failures: 1, open: '1h' },
      concurrency: { adaptive: {} },
    }),
  )
  const slow = httpRequest({ port: gateway.port, path: '/a/x', method: 'PUT', headers: { 'content-length': 10 } }).on(
    'error',
    () => {},
  )
  slow.write('abc')
  const [response] = await once(slow, 'response')
  assert.equal(response.statusCode, 408)
  assert.equal(response.headers.connection, 'close')
  slow.destroy()
  assert.equal(upstreamOf(gateway).targets[0]!.isAvailable(), true)
  await eventually('its place is free', () => upstreamOf(gateway).concurrency!.inFlight === 0)
  // one that has sent all of it waits for the upstream
  assert.equal((await fetch(`${gateway.url}/a/x`, { method: 'PUT', body: 'abc' })).status, 504)
  assert.equal(upstreamOf(gateway).targets[0]!.isAvailable(), false)
})

test('one request too many for the upstream is answered 503, and a place is free again with each end', async (t) => {
  const waiting: (() => void)[] = []
  const backend = await startBackend(t, (_request, response) => {
    waiting.push(() => response.end('ok'))
  })
  const gateway = await startGateway(t, upstream([backend.url], { concurrency: { max: 2 } }))
  const agent = new Agent()
  t.after(() => agent.destroy())
  const first = [fetch(`${gateway.url}/a/x`), fetch(`${gateway.url}/a/x`)]
  await eventually('two in flight', () => waiting.length === 2)
  const refused = await fetch(`${gateway.url}/a/x`)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.equal(((await refused.json()) as { code: string }).code, 'GW_UPSTREAM_OVERLOADED')
  for (const answer of waiting.splice(0)) answer()
  assert.deepEqual(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  )

  // a client that leaves frees its place too, as does a failure
  const leaving = httpRequest({ port: gateway.port, path: '/a/x', agent })
    .on('error', () => {})
    .end()
  await eventually('one more in flight', () => waiting.length === 1)
  leaving.destroy()
  await eventually('all free', () => upstreamOf(gateway).concurrency!.inFlight === 0)
  assert.equal(await decided(gateway, 'overloaded'), 1)
})

test('places are given back however requests end', async (t) => {
  let n = 0
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      const kind = n++ % 5
      if (kind === 0) socket.end('garbage\r\n\r\n')
      else if (kind === 1) socket.destroy()
      else if (kind === 2) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')
      else if (kind === 3) socket.end('HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n')
      else socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')
    })
  })
  const gateway = await startGateway(
    t,
    upstream([backend.url], {
      concurrency: { adaptive: { minimum: 5 } },
      fallback: { on: [503] },
      retries: { backoff: BACKOFF, on: ['reset'] },
    }),
  )
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      fetch(`${gateway.url}/a/x`, { method: i % 2 ? 'POST' : 'GET', body: i % 2 ? 'x' : undefined })
        .then((response) => response.text())
        .catch(() => {}),
    ),
  )
  await eventually('all free', () => upstreamOf(gateway).concurrency!.inFlight === 0)
  await allOver(gateway)
})

test('a WebSocket holds its place until it closes', async (t) => {
  const backend = await startBackend(t)
  const sockets = new WebSocketServer({ server: backend.server })
  t.after(() => sockets.close())
  const gateway = await startGateway(
    t,
    upstream([backend.url], { concurrency: { max: 1 }, routes: [{ method: 'GET', url: '/*', websocket: true }] }),
  )
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/a/x`)
  await once(socket, 'open')
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 503)
  socket.close()
  await eventually('its place is free', () => upstreamOf(gateway).concurrency!.inFlight === 0)
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  await allOver(gateway)
})

const CONTRADICTIONS: [what: object, message: RegExp][] = [
  [
    { concurrency: { adaptive: { minimum: 20, maximum: 10 } } },
    /: concurrency\.adaptive: found a minimum of 20 and a maximum of 10/,
  ],
  [{ healthCheck: { body: 'up' } }, /: healthCheck\.body: has an effect only with path/],
  [{ healthCheck: { status: [200], headers: { host: 'x' } } }, /: healthCheck\.status: .*\n.*: healthCheck\.headers: /],
  [
    { outlierDetection: { maxEjectionTime: '1s' } },
    /: outlierDetection\.maxEjectionTime: found "1s", allowed: at least as long as baseEjectionTime, which is "30s"/,
  ],
  [
    { circuitBreaker: { open: '10s', maxOpen: '5s' } },
    /: circuitBreaker\.maxOpen: found "5s", allowed: at least as long as open/,
  ],
  [{ retries: { backoff: { base: '2s' } } }, /: retries\.backoff\.max: found "1s", allowed: at least as long as base/],
  [{ fallback: { status: 204, body: 'x' } }, /: fallback\.body: an answer of status 204 has no content/],
]
test('settings that contradict each other, or that nothing heeds, stop the boot wherever they stand', async (t) => {
  for (const [settings, { source }] of CONTRADICTIONS) {
    await assert.rejects(startGateway(t, upstream(['http://127.0.0.1:1'], settings)), new RegExp(`a\\.json${source}`))
    await assert.rejects(
      startGateway(t, upstream(['http://127.0.0.1:1']), settings),
      new RegExp(`configuration${source}`),
    )
    await assert.rejects(
      startGateway(t, {
        'a.mjs': `export default async (app) => { app.addUpstream(${JSON.stringify({ name: 'a', targets: ['http://127.0.0.1:1'], ...settings })}) }`,
      }),
      new RegExp(`a\\.mjs: app\\.addUpstream\\("a"\\)${source}`),
    )
  }
  const route = {
    method: 'GET',
    url: '/x',
    fallback: { status: 304, body: 'x' },
    retries: { backoff: { base: 10, max: 5 } },
  }
  await assert.rejects(
    startGateway(t, upstream(['http://127.0.0.1:1'], { routes: [route] })),
    /routes\[0\]\.retries\.backoff\.max: found 5.*\n.*routes\[0\]\.fallback\.body/,
  )
})

test('the fallback takes the place of the errors of the gateway, not of the statuses of the upstream', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    response.writeHead(Number(request.url!.slice(3)), { 'x-upstream': 'yes' }).end('theirs')
  })
  const gateway = await startGateway(t, {
    ...upstream([backend.url], { fallback: { body: { items: [] }, headers: { 'X-Stale': 'yes' }, on: [500] } }),
    'down.json': {
      name: 'down',
      prefix: '/down',
      auth: 'none',
      targets: [`http://127.0.0.1:${await closedPort()}`],
      fallback: { status: 203, body: 'closed for today' },
      routes: [
        { method: ['GET', 'POST'], url: '/' },
        { method: 'GET', url: '/bare', fallback: false },
        { method: 'GET', url: '/empty', fallback: { status: 204 } },
      ],
    },
  })
  const replaced = await fetch(`${gateway.url}/a/500`)
  assert.equal(replaced.status, 200)
  assert.equal(replaced.headers.get('content-type'), 'application/json')
  assert.equal(replaced.headers.get('x-stale'), 'yes')
  assert.equal(replaced.headers.get('x-upstream'), null)
  assert.deepEqual(await replaced.json(), { items: [] })
  assert.equal((await fetch(`${gateway.url}/a/503`)).status, 503)
  assert.equal((await fetch(`${gateway.url}/a/404`)).status, 404)

  for (const method of ['GET', 'POST', 'HEAD']) {
    const response = await fetch(`${gateway.url}/down`, {
      method,
      body: method === 'POST' ? 'x'.repeat(100_000) : undefined,
    })
    assert.equal(response.status, 203)
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(await response.text(), method === 'HEAD' ? '' : 'closed for today')
  }
  assert.equal((await fetch(`${gateway.url}/down/bare`)).status, 502)
  assert.equal((await fetch(`${gateway.url}/down/empty`)).status, 204)
  assert.equal(await decided(gateway, 'fell_back'), 5)
  await allOver(gateway)
})

test('a fallback has no say in how a message is framed', async (t) => {
  for (const name of ['Content-Length', 'transfer-encoding', 'CONNECTION', 'upgrade']) {
    await assert.rejects(
      startGateway(t, upstream(['http://127.0.0.1:1'], { fallback: { headers: { [name]: 'x' } } })),
      /a\.json: fallback\.headers/,
      name,
    )
  }
})

test('the access log tells of further attempts and of the fallback', async (t) => {
  const backend = await startBackend(t, statuses(503, 200))
  const gateway = await startGateway(t, {
    'hand.ts': `export default async (app) => {
      const a = app.addUpstream({ name: 'a', targets: ['${backend.url}'], retries: { on: [503] } })
      const b = app.addUpstream({ name: 'b', targets: ['http://127.0.0.1:${await closedPort()}'], fallback: {} })
      globalThis.records = []
      app.addHook('onResponse', async (request, reply) => { globalThis.records.push([request, reply]) })
      app.get('/a', { config: { auth: 'none' } }, (request, reply) => reply.forward(a))
      app.get('/b', { config: { auth: 'none' } }, (request, reply) => reply.forward(b))
    }`,
  })
  for (const path of ['a', 'a', 'b']) await (await fetch(`${gateway.url}/${path}`)).text()
  const { records } = globalThis as unknown as { records: Parameters<typeof accessRecord>[] }
  await eventually('three records', () => records.length === 3)
  const told = records.map(([request, reply]) => accessRecord(request, reply, false))
  assert.deepEqual(
    told.map(({ attempts, fellBack, status }) => [attempts, fellBack, status]),
    [
      [2, undefined, 200],
      [undefined, undefined, 200],
      [undefined, true, 200],
    ],
  )
})
