import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { startRawBackend } from '../support/backend.ts'
import { JWT_SECRET } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { chunked, FRAMINGS, HIDDEN, REQUEST_LINES, WHOLE } from './corpus.ts'
import { get, inTime, isAlive, openWire, startRecorder, startWays, WAYS } from './wire.ts'

// CVE-2026-1525 and the request smuggling families of RFC 9112, section 11.2
test('a request whose framing can be read in two ways is never two requests at the backend', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const [what, rest] of FRAMINGS) {
    await t.test(what, async () => {
      for (const way of WAYS) {
        for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
          const response = await rawRequest(
            port,
            `${method} ${way}/first HTTP/1.1\r\nhost: x\r\n${rest}${get(`${way}/smuggled`)}`,
          )
          assert.ok(
            [400, 413, 431, 501].includes(response.status) || (response.status === 0 && response.text === ''),
            `${method} ${way}: ${response.status}`,
          )
        }
      }
      assert.doesNotMatch(backend.wire(), /smuggled/)
      assert.ok(!backend.received.some(({ url }) => url.endsWith('/smuggled')))
    })
  }
  assert.ok(await isAlive(port))
})

test('a malformed request line ends the connection', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const line of REQUEST_LINES) {
    const { status } = await rawRequest(port, `${line}\r\nhost: x\r\n\r\n${get('/pass/smuggled')}`)
    // closing without a word will do
    assert.ok([400, 501, 505, 0].includes(status), `${status} for ${JSON.stringify(line)}`)
  }
  assert.equal(backend.wire(), '')
})

test('a request within a body stays a body', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const [what, method, rest] of WHOLE) {
    for (const way of WAYS) {
      await t.test(`${what} ${way}`, async () => {
        const { status } = await rawRequest(port, `${method} ${way}/first HTTP/1.1\r\nhost: x\r\n${rest}`)
        assert.deepEqual(backend.targets().splice(0), [`${method} ${way}/first`])
        assert.equal(status, 200)
        const { body, headers, trailers } = backend.received.at(-1)!
        assert.equal(body.toString(), HIDDEN)
        assert.notEqual(
          headers['content-length'] === undefined,
          headers['transfer-encoding'] === undefined,
          'framed in one way',
        )
        assert.deepEqual({ ...trailers }, {})
        assert.equal(headers['x-forwarded-for'], '127.0.0.1')
      })
    }
  }
})

test('trailers neither frame nor route', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    const { status } = await rawRequest(
      port,
      `POST ${way}/first HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunked(HIDDEN).slice(0, -2)}content-length: 0\r\ntransfer-encoding: identity\r\nhost: evil\r\nx-forwarded-for: 6.6.6.6\r\n\r\n`,
    )
    assert.equal(status, 400)
  }
  assert.ok(await isAlive(port))
  assert.ok(!backend.targets().includes('GET /pass/smuggled'))
})

test('a body in a transfer coding that the gateway does not take off is refused', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const coding of [
    'gzip, chunked',
    'gzip,chunked',
    'deflate, gzip, chunked',
    'x-custom, chunked',
    'identity, chunked',
  ]) {
    for (const way of WAYS) {
      const { status } = await rawRequest(
        port,
        `POST ${way}/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: ${coding}\r\n\r\n${chunked('abc')}`,
      )
      assert.ok(status === 400 || status === 501, `${coding}: ${status}`)
    }
  }
  assert.deepEqual(backend.targets(), [])
})

test('a transfer coding in HTTP/1.0 is refused, or ends the connection (RFC 9112, section 6.1)', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const more of ['', 'connection: keep-alive\r\n']) {
    const wire = await openWire(t, port)
    wire.socket.write(
      `POST /pass/first HTTP/1.0\r\nhost: x\r\n${more}transfer-encoding: chunked\r\n\r\n${chunked('abc')}${get('/pass/smuggled', more, '1.0')}`,
      'latin1',
    )
    await inTime(wire.closed, 'the connection ends')
  }
  assert.doesNotMatch(backend.wire(), /smuggled/)
})

test('a body behind an early refusal is not taken for the next request', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(
    t,
    backend.url,
    {},
    {
      files: {
        'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true },
        'c.json': {
          name: 'c',
          prefix: '/checked',
          auth: 'none',
          targets: [backend.url],
          routes: [{ method: 'POST', url: '/', bodyLimit: 10, schema: { body: { type: 'object' } } }],
        },
      },
    },
  )
  for (const path of ['/guarded/x', '/nowhere', '/checked', '/pass/../x', '/pass/%zz']) {
    for (const method of ['POST', 'GET']) {
      for (const rest of [
        `content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
        `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`,
        `content-type: application/json\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
      ]) {
        const { status } = await rawRequest(port, `${method} ${path} HTTP/1.1\r\nhost: x\r\n${rest}`)
        assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`)
      }
    }
  }
  assert.ok(await isAlive(port))
  assert.equal(backend.wire(), '')
})

test('a refusal of a body that the client was not told to send closes the connection', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(
    t,
    backend.url,
    {},
    {
      files: {
        'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true },
      },
    },
  )
  for (const path of ['/guarded/x', '/nowhere', '/pass/../x']) {
    const wire = await openWire(t, port)
    wire.socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${HIDDEN.length}\r\n\r\n`,
    )
    const answer = await wire.until(/\r\n\r\n/)
    assert.match(answer, /^HTTP\/1\.1 4\d\d [^]*\r\nconnection: close\r\n/i)
    await inTime(wire.closed, 'the connection ends')
  }
})

test('pipelined requests are answered in order, also behind a refusal', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(
    t,
    backend.url,
    {},
    {
      files: {
        'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true },
      },
      config: { jwt: { secret: JWT_SECRET } },
    },
  )
  const wire = await openWire(t, port)
  wire.socket.write(
    [
      get('/guarded/a'),
      get('/pass/b'),
      get('/nowhere'),
      get('/declared/c'),
      get('/pass/d', 'connection: close\r\n'),
    ].join(''),
  )
  const answers = (await inTime(wire.closed, 'all answers')).match(/HTTP\/1\.1 \d+/g)
  assert.deepEqual(answers, ['HTTP/1.1 401', 'HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200'])
  assert.deepEqual(backend.targets().sort(), ['GET /declared/c', 'GET /pass/b', 'GET /pass/d'])
})

test('a malformed request behind one that waits for its answer does not answer for it', async (t) => {
  const asked = Promise.withResolvers<Socket>()
  const silent = await startRawBackend(t, (socket) => {
    socket.once('data', () => asked.resolve(socket))
  })
  const { port } = await startWays(t, silent.url)
  const wire = await openWire(t, port)
  wire.socket.write(get('/pass/slow'))
  const upstream = await asked.promise
  wire.socket.write('nonsense\r\n\r\n')
  // a request of another client is answered after the bytes have been read
  assert.ok(await isAlive(port))
  assert.equal(wire.text(), '')
  upstream.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow')
  assert.match(await inTime(wire.closed, 'the connection ends'), /^HTTP\/1\.1 200 [^]*\r\n\r\nslowHTTP\/1\.1 400 /)
})

test('a version that nobody speaks, an empty host and content of an upgrade are refused', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const upgrade =
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const requests = [
    'GET /pass/x HTTP/2.0\r\nhost: x\r\n\r\n',
    'GET /pass/x HTTP/0.9\r\nhost: x\r\n\r\n',
    'GET /pass/x\r\n\r\n',
    'GET /pass/x HTTP/1.1\r\nhost:\r\n\r\n',
    'GET /pass/x HTTP/1.0\r\nhost: \r\n\r\n',
    `GET /pass/x HTTP/1.1\r\nhost: x\r\n${upgrade}content-length: 5\r\n\r\nhello`,
    `GET /pass/x HTTP/1.1\r\nhost: x\r\n${upgrade}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ]
  for (const request of requests) {
    const { status } = await rawRequest(port, request)
    assert.ok([400, 505, 0].includes(status), `${status} for ${JSON.stringify(request)}`)
  }
  assert.equal(backend.wire(), '')
})
