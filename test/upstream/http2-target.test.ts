import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get, request as httpRequest, type IncomingMessage } from 'node:http'
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { ConnectionPools } from '../../src/upstream/connection-pool.ts'
import { Authority, hasOpenssl } from '../auth/client-certificate/authority.ts'
import { startRawBackend } from '../support/backend.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

type Respond = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

interface Http2Backend {
  url: string
  port: number
  sessions: ServerHttp2Session[]
  /** Headers of the requests. */
  received: IncomingHttpHeaders[]
}

async function serve(
  t: TestContext,
  server: Http2Server | Http2SecureServer,
  scheme: string,
  respond: Respond,
): Promise<Http2Backend> {
  const backend: Http2Backend = { url: '', port: 0, sessions: [], received: [] }
  server.on('session', (session) => {
    backend.sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    backend.received.push(headers)
    respond(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const session of backend.sessions) session.destroy()
  })
  backend.port = (server.address() as AddressInfo).port
  backend.url = `${scheme}://127.0.0.1:${backend.port}`
  return backend
}

/** An HTTP/2 server without TLS. */
const startH2c = (t: TestContext, respond: Respond): Promise<Http2Backend> => serve(t, createServer(), 'http', respond)

const echo: Respond = (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'text/plain' })
  stream.end(`${headers[':method']} ${headers[':path']}`)
}

const upstream = (target: object, more: object = {}) => ({
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: [target].flat(),
    passThrough: { websocket: true },
    ...more,
  },
})
const h2c = async (
  t: TestContext,
  respond: Respond,
  more: object = {},
): Promise<{ backend: Http2Backend; gateway: Gateway }> => {
  const backend = await startH2c(t, respond)
  return { backend, gateway: await startGateway(t, upstream({ url: backend.url, http2: 'prior-knowledge' }, more)) }
}

test('sends many requests over one session, with what HTTP/2 wants to know', async (t) => {
  const { backend, gateway } = await h2c(t, (stream, headers) => setTimeout(() => echo(stream, headers), 20))
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, i) =>
      (await fetch(`${gateway.url}/a/${i}?q=%2F`, { headers: { cookie: 'a=1; b=2' } })).text(),
    ),
  )
  assert.deepEqual(
    answers,
    answers.map((_, i) => `GET /a/${i}?q=%2F`),
  )
  assert.equal(backend.sessions.length, 1)
  const [headers] = backend.received
  assert.equal(headers![':authority'], `127.0.0.1:${backend.port}`)
  assert.equal(headers![':scheme'], 'http')
  assert.equal(headers!.cookie, 'a=1; b=2')
  assert.equal(headers!['x-forwarded-for'], '127.0.0.1')
})

test('no field of a connection ends the session for the others', async (t) => {
  const { backend, gateway } = await h2c(t, echo, {
    requestHeaders: { set: { te: 'gzip', 'proxy-connection': 'x' }, add: { 'http2-settings': 'x' } },
  })
  for (let i = 0; i < 3; i++) {
    const { status } = await rawRequest(
      gateway.port,
      'GET /a/ HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, te, http2-settings\r\nte: gzip, trailers\r\nkeep-alive: 5\r\nupgrade: h2c\r\nhttp2-settings: x\r\nproxy-connection: x\r\n\r\n',
    )
    assert.equal(status, 200)
  }
  assert.equal(backend.sessions.length, 1)
  assert.deepEqual(
    Object.keys(backend.received[0]!).filter((name) =>
      /^(te|connection|keep-alive|upgrade|http2-settings|proxy-connection)$/.test(name),
    ),
    [],
  )
})

test('te: trailers may be stated, as gRPC needs', async (t) => {
  const { backend, gateway } = await h2c(t, echo, { requestHeaders: { set: { te: 'trailers' } } })
  assert.equal((await fetch(`${gateway.url}/a/`)).status, 200)
  assert.equal(backend.received[0]!.te, 'trailers')
})

test('HEAD, 204, 304, early hints and trailers arrive as they were', async (t) => {
  const { gateway } = await h2c(t, (stream, headers) => {
    const path = headers[':path']!
    stream.additionalHeaders({ ':status': 103, link: '</x>' })
    if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': 1234 }, { endStream: true })
    else if (path.endsWith('/204')) stream.respond({ ':status': 204 }, { endStream: true })
    else if (path.endsWith('/304')) stream.respond({ ':status': 304, etag: '"x"' }, { endStream: true })
    else {
      stream.respond({ ':status': 200, trailer: 'x-checksum', 'set-cookie': ['a=1', 'b=2'] }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': 'abc' }))
      stream.end('body')
    }
  })
  const head = await fetch(`${gateway.url}/a/`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '1234'])
  assert.equal((await fetch(`${gateway.url}/a/204`)).status, 204)
  const unchanged = await fetch(`${gateway.url}/a/304`)
  assert.deepEqual([unchanged.status, unchanged.headers.get('etag')], [304, '"x"'])
  const [response] = (await once(get(`${gateway.url}/a/`), 'response')) as [IncomingMessage]
  assert.equal(String(await buffer(response)), 'body')
  assert.equal(response.trailers['x-checksum'], 'abc')
  assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2'])
})

test('bodies of 32 MiB go both ways, and a reader that stops stops the target', async (t) => {
  const size = 32 * 1024 * 1024
  const chunk = randomBytes(64 * 1024)
  let sent = 0
  const { gateway } = await h2c(t, (stream, headers) => {
    if (headers[':method'] === 'POST') {
      const hash = createHash('sha256')
      stream
        .on('data', (data) => hash.update(data))
        .on('end', () => {
          stream.respond({ ':status': 200 })
          stream.end(hash.digest('hex'))
        })
      return
    }
    stream.respond({ ':status': 200, 'content-length': size })
    Readable.from(
      (function* () {
        for (let left = size; left > 0; left -= chunk.length) {
          sent += chunk.length
          yield chunk
        }
      })(),
    ).pipe(stream)
  })
  const expected = createHash('sha256')
  for (let left = size; left > 0; left -= chunk.length) expected.update(chunk)
  const digest = expected.digest('hex')
  const upload = httpRequest(`${gateway.url}/a/`, { method: 'POST', headers: { 'content-length': size } })
  Readable.from(
    (function* () {
      for (let left = size; left > 0; left -= chunk.length) yield chunk
    })(),
  ).pipe(upload)
  const [answer] = (await once(upload, 'response')) as [IncomingMessage]
  assert.equal(String(await buffer(answer)), digest)

  const [response] = (await once(get(`${gateway.url}/a/`), 'response')) as [IncomingMessage]
  response.pause()
  let before = -1
  while (before !== sent) {
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.ok(sent < size / 2, `${sent} bytes were taken from the target for a client that reads nothing`)
  const hash = createHash('sha256')
  for await (const data of response) hash.update(data)
  assert.equal(hash.digest('hex'), digest)
})

test('a target that goes away politely under load fails no request', async (t) => {
  let count = 0
  const { backend, gateway } = await h2c(
    t,
    (stream, headers) => {
      // what a server does that stops: GOAWAY, then the requests that it has
      if (++count % 50 === 0) stream.session!.close()
      setTimeout(() => {
        if (!stream.destroyed) echo(stream, headers)
      }, 2)
    },
    { routes: [{ method: 'POST', url: '/', schema: { body: { type: 'object' } } }] },
  )
  const statuses = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => {
      const own: number[] = []
      for (let n = 0; n < 40; n++) {
        const response = await fetch(
          `${gateway.url}/a${i % 2 === 0 ? '' : '/x'}`,
          i % 2 === 0 ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' } : {},
        )
        await response.text()
        own.push(response.status)
      }
      return own
    }),
  )
  assert.deepEqual(
    statuses.flat().filter((status) => status !== 200),
    [],
  )
  assert.ok(backend.sessions.length > 10, `${backend.sessions.length} sessions`)
})

test('a stream that is reset costs its own request alone, and one that is refused is sent again', async (t) => {
  let refusals = 0
  const { backend, gateway } = await h2c(
    t,
    (stream, headers) => {
      const path = headers[':path']!
      if (path.endsWith('/reset')) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      else if (path.endsWith('/midway')) {
        stream.respond({ ':status': 200, 'content-length': 100_000 })
        stream.write('x', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
      } else if (path.endsWith('/refused') && refusals++ < 2) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else setTimeout(() => echo(stream, headers), 30)
    },
    { retries: { attempts: 3, backoff: { base: 1 } } },
  )
  const slow = Promise.all(Array.from({ length: 5 }, async () => (await fetch(`${gateway.url}/a/slow`)).status))
  assert.equal((await fetch(`${gateway.url}/a/reset`, { method: 'POST', body: 'x' })).status, 502)
  await assert.rejects((async () => (await fetch(`${gateway.url}/a/midway`)).text())())
  assert.equal((await fetch(`${gateway.url}/a/refused`, { method: 'POST' })).status, 200)
  assert.deepEqual(await slow, [200, 200, 200, 200, 200])
  assert.equal(backend.sessions.length, 1)
})

test('a client that goes away ends its stream alone', async (t) => {
  let closed: (code: number) => void = () => {}
  const code = new Promise<number>((resolve) => {
    closed = resolve
  })
  const { backend, gateway } = await h2c(t, (stream, headers) => {
    if (!headers[':path']!.endsWith('/long')) return echo(stream, headers)
    stream.respond({ ':status': 200 })
    stream.write('begin')
    stream.on('close', () => closed(stream.rstCode ?? 0))
  })
  const controller = new AbortController()
  const response = await fetch(`${gateway.url}/a/long`, { signal: controller.signal })
  await response.body!.getReader().read()
  controller.abort()
  assert.notEqual(await code, undefined)
  assert.equal((await fetch(`${gateway.url}/a/`)).status, 200)
  assert.equal(backend.sessions.length, 1)
})

test('a target that says nothing is timed out by itself', async (t) => {
  const { backend, gateway } = await h2c(
    t,
    (stream, headers) => {
      if (!headers[':path']!.endsWith('/mute')) echo(stream, headers)
    },
    { timeouts: { firstByte: 1500 } },
  )
  const [mute, other] = await Promise.all([fetch(`${gateway.url}/a/mute`), fetch(`${gateway.url}/a/`)])
  assert.deepEqual([mute.status, other.status], [504, 200])
  assert.equal((await fetch(`${gateway.url}/a/`)).status, 200)
  assert.equal(backend.sessions.length, 1)
})

test('a target that misbehaves costs its requests alone, none of which waits for another', async (t) => {
  const frame = (type: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    return Buffer.concat([head, payload])
  }
  const [SETTINGS, PING, GOAWAY] = [4, 6, 7]
  const noStreams = frame(SETTINGS, Buffer.from([0, 3, 0, 0, 0, 0]))
  const settings = frame(SETTINGS, Buffer.alloc(0))
  const cases: [what: string, statuses: number[], says: Buffer | string | null][] = [
    ['says nothing', [502, 504], null],
    ['allows no stream', [502, 504], noStreams],
    ['leaves at once', [502], Buffer.concat([settings, frame(GOAWAY, Buffer.alloc(8))])],
    ['speaks HTTP/1.1', [502], 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['speaks nothing known', [502], Buffer.alloc(500, 0xff)],
    [
      'floods with pings',
      [502],
      Buffer.concat([settings, ...Array.from({ length: 5000 }, () => frame(PING, Buffer.alloc(8)))]),
    ],
  ]
  await Promise.all(
    cases.map(([what, allowed, says]) =>
      t.test(what, async (t) => {
        const { url } = await startRawBackend(t, (socket) => {
          if (says !== null) socket.write(says)
        })
        const gateway = await startGateway(
          t,
          upstream({ url, http2: 'prior-knowledge' }, { timeouts: { connect: 1000, firstByte: 1000 } }),
        )
        const started = performance.now()
        const statuses = await Promise.all(
          Array.from(
            { length: 12 },
            async (_, i) => (await fetch(`${gateway.url}/a/`, i === 0 ? { method: 'POST', body: 'x' } : {})).status,
          ),
        )
        const late = performance.now() - started
        assert.deepEqual(
          statuses.filter((status) => !allowed.includes(status)),
          [],
        )
        // one after the other they would take twelve seconds at the least
        assert.ok(late < 10_000, `${late} ms`)
      }),
    ),
  )
})

test('requests that wait for a mute target are bounded in number', { timeout: 120_000 }, async (t) => {
  const { url } = await startRawBackend(t, () => {})
  const pools = new ConnectionPools()
  const pool = pools.acquire({
    origin: url,
    socket: undefined,
    addresses: undefined,
    tls: null,
    http2: 'prior-knowledge',
    connectTimeout: 1000,
    firstByte: 60_000,
    lookup: undefined,
  })
  const codes: Record<string, number> = {}
  const send = (): Promise<void> =>
    new Promise((resolve) =>
      pool.dispatch(
        { path: '/', method: 'GET', headers: [] },
        {
          onRequestStart: (controller) => setTimeout(() => controller.abort(new Error('enough')), 500),
          onResponseError: (_controller, error: NodeJS.ErrnoException) => {
            codes[error.message] = (codes[error.message] ?? 0) + 1
            resolve()
          },
        },
      ),
    )
  await Promise.all(Array.from({ length: 2500 }, send))
  // who was on the session already is ended by its client; how many those are, if any, is up to the time it took
  const { '2000 requests wait for a stream': refused, enough = 0, ...late } = codes
  assert.equal(refused, 500)
  assert.deepEqual(late, { 'no stream could be opened within 1000 ms': 2000 - enough })
  assert.ok(enough < 100, `${enough}`)
  pool.destroy()
  while (pool.waiting > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a flood of headers is answered 502', async (t) => {
  const { gateway } = await h2c(t, (stream) => {
    stream.respond(
      Object.fromEntries([[':status', 200], ...Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'y'.repeat(200)])]),
    )
    stream.end()
  })
  assert.equal((await fetch(`${gateway.url}/a/`)).status, 502)
})

test(
  'over TLS the target chooses, and WebSockets go over HTTP/1.1',
  { skip: hasOpenssl ? false : 'openssl is needed' },
  async (t) => {
    const authority = new Authority(t)
    const pair = authority.sign('/CN=orders')
    const tls = { ca: authority.cert }
    const both = createSecureServer({ ...pair, allowHTTP1: true })
    new WebSocketServer({ server: both as never }).on('connection', (ws) => ws.on('message', (data) => ws.send(data)))
    const backend = await serve(t, both, 'https', echo)
    const gateway = await startGateway(t, upstream({ url: backend.url, http2: true, tls }))
    assert.equal(await (await fetch(`${gateway.url}/a/x`, { method: 'POST', body: 'x' })).text(), 'POST /a/x')
    assert.equal(backend.received[0]![':scheme'], 'https')
    const ws = new WebSocket(`${gateway.url.replace('http', 'ws')}/a/ws`)
    await once(ws, 'open')
    ws.send('hello')
    assert.equal(String((await once(ws, 'message'))[0]), 'hello')
    ws.close()
    await once(ws, 'close')
    assert.equal(backend.sessions.length, 1)

    const { createServer: createHttpsServer } = await import('node:https')
    const old = createHttpsServer(pair, (request, response) => response.end(`h${request.httpVersion}`)).listen(
      0,
      '127.0.0.1',
    )
    await once(old, 'listening')
    t.after(() => {
      old.close()
      old.closeAllConnections()
    })
    const fallen = await startGateway(
      t,
      upstream({ url: `https://127.0.0.1:${(old.address() as AddressInfo).port}`, http2: true, tls }),
    )
    assert.deepEqual(
      await Promise.all(Array.from({ length: 8 }, async () => (await fetch(`${fallen.url}/a/`)).text())),
      Array(8).fill('h1.1'),
    )
  },
)
