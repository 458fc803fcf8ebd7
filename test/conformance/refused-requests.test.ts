import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captureLog } from '../support/captured-log.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, inTime, isAlive, openWire, startRecorder, startWays } from '../security/wire.ts'

/** Only lines about what is wrong with the gateway or its services. */
const LOUD = { level: 'warn', access: false, format: 'json' } as const

const codeOf = (body: string): string => JSON.parse(body).code as string

test('what the parser refuses is answered with Date', async (t) => {
  const { port } = await startGateway(
    t,
    {},
    { listener: { maxHeaderSize: '8KiB', headersTimeout: '1 second', requestTimeout: '1 second' } },
  )
  for (const [request, status] of [
    ['GET / HTTP/1.1\r\nbad header\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['GET / HTTP/1.1\r\nhost: x\r\n', 408],
  ] as const) {
    const { status: got, headers } = await rawRequest(port, request)
    assert.equal(got, status)
    assert.ok(Math.abs(Date.parse(headers.date!) - Date.now()) < 60_000, `${status}: ${headers.date}`)
  }
})

// RFC 9110, section 9.1
test('an unknown method is 501, and one that a path does not have is 405', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const method of [
    'FOO',
    'get',
    'Get',
    'GETS',
    'PATCHY',
    "X-!#$%&'*+.^_`|~1",
    'ANNOUNCE',
    'SETUP',
    'PLAY',
    'FLUSH',
  ]) {
    for (const target of ['/pass/x', '/livez', '/nowhere', '*']) {
      const { status, headers, body } = await rawRequest(
        port,
        `${method} ${target} HTTP/1.1\r\nhost: x\r\n\r\n${get('/pass/smuggled')}`,
      )
      assert.equal(status, 501, `${method} ${target}`)
      assert.equal(codeOf(body), 'GW_UNSUPPORTED_METHOD')
      assert.equal(headers.connection, 'close')
    }
  }
  assert.equal((await rawRequest(port, 'PATCH /declared/x HTTP/1.1\r\nhost: x\r\n\r\n')).status, 405)
  assert.equal((await rawRequest(port, 'DELETE /nowhere HTTP/1.1\r\nhost: x\r\n\r\n')).status, 404)
  for (const noRequest of [
    'G\0T / HTTP/1.1',
    '\x16\x03\x01\x02\x00',
    ' GET / HTTP/1.1',
    ': / HTTP/1.1',
    'FOO /x',
    'FOO',
    '(a) / HTTP/1.1',
  ]) {
    assert.equal((await rawRequest(port, `${noRequest}\r\nhost: x\r\n\r\n`)).status, 400, JSON.stringify(noRequest))
  }
  assert.equal(backend.wire(), '')
})

test('an unknown method is found behind another request, and in pieces', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const wire = await openWire(t, port)
  wire.socket.write(get('/livez'))
  await wire.until(/200 OK/)
  wire.socket.write('FOO / HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.match(await inTime(wire.closed, 'the connection ends'), /HTTP\/1\.1 501 /)
  for (const pieces of [
    ['FO', 'O / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['PROP', 'X / HTTP/1.1\r\nhost: x\r\n\r\n'],
  ]) {
    const { socket, closed } = await openWire(t, port)
    socket.setNoDelay(true)
    for (const piece of pieces) socket.write(piece)
    assert.match(await inTime(closed, 'the connection ends'), /^HTTP\/1\.1 501 /)
  }
})

// RFC 9110, section 15.6.6
test('another protocol version is 505, and no line in the log blames the server', async (t) => {
  const backend = await startRecorder(t)
  const { app, port } = await startWays(t, backend.url, {}, { config: { log: LOUD } })
  const { lines } = captureLog(t, app)
  for (const line of [
    'ANNOUNCE * RTSP/1.0',
    'SETUP /pass/x RTSP/1.0',
    'DESCRIBE rtsp://x/a RTSP/1.1',
    'TEARDOWN * RTSP/2.0',
    'PLAY /pass/x RTSP/2.0',
    'SOURCE /pass/x ICE/2.0',
    'GET /pass/x HTTP/2.0',
    'GET /pass/x HTTP/0.9',
    'GET /pass/x HTTP/3.0',
    'GET /pass/x HTTP/1.2',
    'GET /pass/x RTSP/2.0',
    'PRI * HTTP/2.0',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n',
  ]) {
    const { status, headers, body } = await rawRequest(port, `${line}\r\nhost: x\r\n\r\n`)
    assert.equal(status, 505, line)
    assert.equal(codeOf(body), 'GW_UNSUPPORTED_VERSION')
    assert.equal(headers.connection, 'close')
    assert.ok(headers.date)
  }
  assert.equal(backend.wire(), '')
  assert.deepEqual(lines, [])
})

// RFC 9110, section 9.3.6
test('CONNECT is answered with 501, whatever it asks for', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const target of ['x:443', '127.0.0.1:80', '/pass/x', 'http://x/pass/x', '*', `${new URL(backend.url).host}`]) {
    for (const rest of [
      'HTTP/1.1\r\nhost: x\r\n\r\n',
      'HTTP/1.0\r\n\r\n',
      'HTTP/1.1\r\n\r\n',
      `HTTP/1.1\r\nhost: x\r\n\r\n${get('/pass/tunnelled')}`,
      'HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello',
    ]) {
      const { status, headers, body } = await rawRequest(port, `CONNECT ${target} ${rest}`)
      assert.equal(status, 501, `${target} ${rest}`)
      assert.equal(codeOf(body), 'GW_UNSUPPORTED_METHOD')
      assert.equal(headers.connection, 'close')
      assert.ok(headers.date && headers['x-request-id'])
    }
  }
  assert.equal(backend.wire(), '')
})

test('CONNECT behind requests that wait for their answers comes after them', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const wire = await openWire(t, port)
  wire.socket.write(`${get('/pass/1')}${get('/pass/2')}${get('/pass/3')}CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n`)
  const text = await inTime(wire.closed, 'the connection ends')
  assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 501'])
  assert.ok(await isAlive(port))
})

test('a CONNECT whose client leaves does no harm', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const before of ['', get('/pass/1')]) {
    const wire = await openWire(t, port)
    wire.socket.write(`${before}CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n`)
    wire.socket.resetAndDestroy()
  }
  assert.ok(await isAlive(port))
})

// RFC 9110, section 10.1.1
test('100-continue is understood in any case and number, and nothing beside it', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const post = (fields: string, version = '1.1'): string =>
    `POST /pass/x HTTP/${version}\r\nhost: x\r\n${fields}content-length: 2\r\n\r\nok`
  for (const fields of [
    'expect: 100-continue\r\n',
    'Expect: 100-Continue\r\n',
    'EXPECT: 100-CONTINUE\r\n',
    'expect: 100-continue, 100-continue\r\n',
    'expect: 100-continue\r\nexpect: 100-continue\r\n',
    'expect: , 100-continue ,\r\n',
  ]) {
    const { status, text } = await rawRequest(port, post(fields))
    assert.equal(status, 200, fields)
    assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP/, fields)
  }
  for (const fields of ['expect:\r\n', 'expect: ,\r\n']) {
    assert.equal((await rawRequest(port, post(fields))).status, 200, fields)
  }
  const seen = backend.received.length
  for (const fields of [
    'expect: y 100-continue\r\n',
    'expect: 100-continue y\r\n',
    'expect: y, 100-continue\r\n',
    'expect: 100-continue\r\nexpect: y\r\n',
    'expect: 100-continue; y\r\n',
    'expect: 100-continue=1\r\n',
    'expect: "100-continue"\r\n',
    'expect: 100-continued\r\n',
    'expect: x-100-continue\r\n',
    'expect: 100 continue\r\n',
    'expect: 200-ok\r\n',
  ]) {
    const { status, text } = await rawRequest(port, post(fields))
    assert.equal(status, 417, fields)
    assert.doesNotMatch(text, /100 Continue/)
  }
  assert.equal(backend.received.length, seen)
  const old = await rawRequest(port, post('expect: y\r\n', '1.0'))
  assert.equal(old.status, 200, 'HTTP/1.0 has no expectations')
  for (const { headers } of backend.received) assert.equal(headers.expect, undefined)
})

test('what a client cannot have is no error in the log', async (t) => {
  const backend = await startRecorder(t)
  const stored = { name: 'c', prefix: '/cached', auth: 'none', targets: [backend.url], cache: true, passThrough: true }
  const checked = {
    name: 'k',
    prefix: '/checked',
    auth: 'none',
    targets: [backend.url],
    routes: [{ method: 'POST', url: '/', schema: { body: { type: 'object' } } }],
  }
  const { app, port } = await startWays(
    t,
    backend.url,
    {},
    { files: { 'cached.json': stored, 'checked.json': checked }, config: { log: LOUD } },
  )
  const { lines } = captureLog(t, app)
  const json = 'content-type: application/json'
  for (const [request, status] of [
    ['POST /pass/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
    ['POST /pass/x HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 501],
    [`POST /checked HTTP/1.1\r\nhost: x\r\n${json}\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}`, 415],
    [`POST /checked HTTP/1.1\r\nhost: x\r\n${json}; charset=latin1\r\ncontent-length: 2\r\n\r\n{}`, 415],
    [`POST /checked HTTP/1.1\r\nhost: x\r\n${json}\r\ncontent-length: 2\r\n\r\n{x`, 400],
    [get('/cached/x', 'cache-control: only-if-cached\r\n'), 504],
    ['CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n', 501],
  ] as const) {
    assert.equal((await rawRequest(port, request)).status, status, request)
  }
  assert.deepEqual(lines, [])
})
