import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRawBackend } from '../support/backend.ts'
import { JWT_SECRET } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, inTime, isAlive, openWire, startRecorder, startWays, UPGRADE, WAYS } from './wire.ts'

/** Everything after the request line and `Host`, up to where a second request is hidden. */
const FRAMINGS: [string, string][] = [
  ['length, then chunks', 'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['chunks, then length', 'transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n'], ['length 0 and chunks', 'content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  // CVE-2026-1525
  ['two lengths', 'content-length: 4\r\ncontent-length: 0\r\n\r\n'], ['two lengths in different case', 'content-length: 0\r\nContent-Length: 44\r\n\r\n'], ['two equal lengths', 'content-length: 4\r\ncontent-length: 4\r\n\r\nabcd'], ['a list of lengths', 'content-length: 4, 0\r\n\r\nabcd'], ['a list of equal lengths', 'content-length: 4,4\r\n\r\nabcd'],
  ['a length with plus', 'content-length: +4\r\n\r\nabcd'], ['a length with minus', 'content-length: -4\r\n\r\nabcd'], ['a hexadecimal length', 'content-length: 0x4\r\n\r\nabcd'], ['a fractional length', 'content-length: 4.0\r\n\r\nabcd'], ['a length with exponent', 'content-length: 4e0\r\n\r\nabcd'], ['a length with underscore', 'content-length: 4_0\r\n\r\nabcd'], ['a split length', 'content-length: 4 4\r\n\r\nabcd'],
  ['a quoted length', 'content-length: "4"\r\n\r\nabcd'], ['an empty length', 'content-length:\r\n\r\n'], ['a length in words', 'content-length: four\r\n\r\n'], ['a length beyond 2^64', 'content-length: 18446744073709551620\r\n\r\nabcd'], ['a length after a vertical tab', 'content-length: \x0b4\r\n\r\nabcd'], ['a length with NUL', 'content-length: 4\0\r\n\r\nabcd'], ['a length in other digits', 'content-length: \xb2\r\n\r\nab'],
  ['chunked twice', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['chunked twice in a list', 'transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n'], ['chunked, then identity', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'], ['chunked and identity apart', 'transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n'], ['identity', 'transfer-encoding: identity\r\ncontent-length: 0\r\n\r\n'],
  ['an unknown coding', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'], ['a longer word', 'transfer-encoding: chunkedx\r\n\r\n0\r\n\r\n'], ['a quoted coding', 'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n'], ['a coding with parameter', 'transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n'], ['an empty coding', 'transfer-encoding:\r\ncontent-length: 0\r\n\r\n'], ['a coding after a vertical tab', 'transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n'], ['a coding after a form feed', 'transfer-encoding:\x0cchunked\r\n\r\n0\r\n\r\n'],
  ['a coding with NUL', 'transfer-encoding: chunked\0\r\n\r\n0\r\n\r\n'], ['a coding behind a bare CR', 'x-a: 1\rtransfer-encoding: chunked\r\n\r\n'], ['a coding behind a bare LF', 'x-a: 1\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['a space before the colon', 'transfer-encoding : chunked\r\n\r\n0\r\n\r\n'], ['a tab before the colon', 'content-length\t: 4\r\n\r\nabcd'], ['a space before the name', ' transfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded coding', 'transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n'], ['a folded value', 'x-a: 1\r\n transfer-encoding: chunked\r\n\r\n'], ['a value folded with a tab', 'x-a: 1\r\n\tcontent-length: 4\r\n\r\n'], ['a NUL in a value', 'x-a: 1\0\r\n\r\n'], ['a NUL in a name', 'x-\0a: 1\r\n\r\n'], ['a line without colon', 'nonsense\r\n\r\n'], ['an empty name', ': x\r\n\r\n'], ['a name with a slash', 'x/a: 1\r\n\r\n'], ['a high byte in a name', 'x-\xe9: 1\r\n\r\n'], ['bare LF line ends', 'x-a: 1\n\n'], ['CR CR LF', 'x-a: 1\r\r\n\r\r\n'],
  ['a chunk size in words', 'transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n'], ['a chunk size with plus', 'transfer-encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n'], ['a chunk size with minus', 'transfer-encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n'], ['a chunk size with 0x', 'transfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n'], ['a chunk size after a space', 'transfer-encoding: chunked\r\n\r\n 2\r\nab\r\n0\r\n\r\n'], ['an empty chunk size', 'transfer-encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n'],
  ['a chunk size beyond 2^64', 'transfer-encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n'], ['an endless chunk size', `transfer-encoding: chunked\r\n\r\n${'f'.repeat(100)}\r\n`], ['a chunk longer than it says', 'transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n'], ['a chunk without its line end', 'transfer-encoding: chunked\r\n\r\n2\r\nab0\r\n\r\n'], ['a chunk size that ends with LF', 'transfer-encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n'], ['a chunk that ends with LF', 'transfer-encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n'],
  ['last chunk with LF', 'transfer-encoding: chunked\r\n\r\n0\n\n'], ['a chunk extension with LF', 'transfer-encoding: chunked\r\n\r\n2;a\nxx\r\n0\r\n\r\n'], ['a chunk extension with CR', 'transfer-encoding: chunked\r\n\r\n2;a\rxx\r\n0\r\n\r\n'], ['a chunk extension with NUL', 'transfer-encoding: chunked\r\n\r\n2;a\0\r\nab\r\n0\r\n\r\n'], ['a flood of chunk extensions', `transfer-encoding: chunked\r\n\r\n2;${'a'.repeat(40_000)}\r\nab\r\n0\r\n\r\n`], ['a trailer with a space before the colon', 'transfer-encoding: chunked\r\n\r\n0\r\nx-a : 1\r\n\r\n'],
]

// CVE-2026-1525 and the request smuggling families of RFC 9112, section 11.2
test('a request whose framing can be read in two ways is never two requests at the backend', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const [what, rest] of FRAMINGS) {
    await t.test(what, async () => {
      for (const way of WAYS) {
        for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
          const response = await rawRequest(port, `${method} ${way}/first HTTP/1.1\r\nhost: x\r\n${rest}${get(`${way}/smuggled`)}`)
          assert.ok([400, 413, 431, 501].includes(response.status) || (response.status === 0 && response.text === ''), `${method} ${way}: ${response.status}`)
        }
      }
      assert.doesNotMatch(backend.wire(), /smuggled/)
      assert.ok(!backend.received.some(({ url }) => url.endsWith('/smuggled')))
    })
  }
  assert.ok(await isAlive(port))
})

const REQUEST_LINES = ['GET\t/pass/x HTTP/1.1', 'GET /pass/x HTTP/1.1 x', 'GET /pass/x y HTTP/1.1', 'GET /pass/x\ty HTTP/1.1', 'get /pass/x HTTP/1.1', 'Get /pass/x HTTP/1.1', ' GET /pass/x HTTP/1.1', 'GET /pass/x', 'GET /pass/x HTTP/0.9', 'GET /pass/x HTTP/1.2', 'GET /pass/x HTTP/2.0', 'GET /pass/x HTTP/1.1.1', 'GET /pass/x http/1.1', 'GET /pass/x HTTP/+1.1', 'GET /pass/x\0 HTTP/1.1', 'GET /pass/x\rHTTP/1.1', 'G\0T /pass/x HTTP/1.1', 'GETX /pass/x HTTP/1.1', 'PRI * HTTP/2.0', ': /pass/x HTTP/1.1', 'GET pass/x HTTP/1.1']
test('a malformed request line ends the connection', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const line of REQUEST_LINES) {
    const { status } = await rawRequest(port, `${line}\r\nhost: x\r\n\r\n${get('/pass/smuggled')}`)
    // closing without a word will do
    assert.ok(status === 400 || status === 0, JSON.stringify(line))
  }
  assert.equal(backend.wire(), '')
})

const HIDDEN = get('/pass/smuggled')
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
const WHOLE: [string, string, string][] = [
  ['a body of a GET', 'GET', `content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['a chunked body of a GET', 'GET', `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`], ['a chunked body of a DELETE', 'DELETE', `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`], ['a chunked body of an OPTIONS', 'OPTIONS', `transfer-encoding: Chunked\r\n\r\n${chunked(HIDDEN)}`],
  ['a refused protocol', 'POST', `connection: upgrade\r\nupgrade: h2c\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['an upgrade that is no GET', 'POST', `${UPGRADE}content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['chunk extensions', 'POST', `transfer-encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)};a=b;c="d"\r\n${HIDDEN}\r\n0;x\r\n\r\n`], ['zeros before the length', 'POST', `content-length: 000${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['a length that Connection names', 'POST', `connection: content-length\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['a coding that Connection names', 'POST', `connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`],
]
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
        assert.notEqual(headers['content-length'] === undefined, headers['transfer-encoding'] === undefined, 'framed in one way')
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
    const { status } = await rawRequest(port, `POST ${way}/first HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunked(HIDDEN).slice(0, -2)}content-length: 0\r\ntransfer-encoding: identity\r\nhost: evil\r\nx-forwarded-for: 6.6.6.6\r\n\r\n`)
    assert.equal(status, 400)
  }
  assert.ok(await isAlive(port))
  assert.ok(!backend.targets().includes('GET /pass/smuggled'))
})

test('a body in a transfer coding that the gateway does not take off is refused', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const coding of ['gzip, chunked', 'gzip,chunked', 'deflate, gzip, chunked', 'x-custom, chunked', 'identity, chunked']) {
    for (const way of WAYS) {
      const { status } = await rawRequest(port, `POST ${way}/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: ${coding}\r\n\r\n${chunked('abc')}`)
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
    wire.socket.write(`POST /pass/first HTTP/1.0\r\nhost: x\r\n${more}transfer-encoding: chunked\r\n\r\n${chunked('abc')}${get('/pass/smuggled', more, '1.0')}`, 'latin1')
    await inTime(wire.closed, 'the connection ends')
  }
  assert.doesNotMatch(backend.wire(), /smuggled/)
})

test('a body behind an early refusal is not taken for the next request', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url, {}, { files: { 'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true }, 'c.json': { name: 'c', prefix: '/checked', auth: 'none', targets: [backend.url], routes: [{ method: 'POST', url: '/', bodyLimit: 10, schema: { body: { type: 'object' } } }] } } })
  for (const path of ['/guarded/x', '/nowhere', '/checked', '/pass/../x', '/pass/%zz']) {
    for (const method of ['POST', 'GET']) {
      for (const rest of [`content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`, `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`, `content-type: application/json\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`]) {
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
  const { port } = await startWays(t, backend.url, {}, { files: { 'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true } } })
  for (const path of ['/guarded/x', '/nowhere', '/pass/../x']) {
    const wire = await openWire(t, port)
    wire.socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${HIDDEN.length}\r\n\r\n`)
    const answer = await wire.until(/\r\n\r\n/)
    assert.match(answer, /^HTTP\/1\.1 4\d\d [^]*\r\nconnection: close\r\n/i)
    await inTime(wire.closed, 'the connection ends')
  }
})

test('pipelined requests are answered in order, also behind a refusal', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url, {}, { files: { 'g.json': { name: 'g', prefix: '/guarded', auth: { jwt: {} }, targets: [backend.url], passThrough: true } }, config: { jwt: { secret: JWT_SECRET } } })
  const wire = await openWire(t, port)
  wire.socket.write([get('/guarded/a'), get('/pass/b'), get('/nowhere'), get('/declared/c'), get('/pass/d', 'connection: close\r\n')].join(''))
  const answers = (await inTime(wire.closed, 'all answers')).match(/HTTP\/1\.1 \d+/g)
  assert.deepEqual(answers, ['HTTP/1.1 401', 'HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200'])
  assert.deepEqual(backend.targets().sort(), ['GET /declared/c', 'GET /pass/b', 'GET /pass/d'])
})

test('a malformed request behind one that waits for its answer does not answer for it', async (t) => {
  const asked = Promise.withResolvers<void>()
  const silent = await startRawBackend(t, (socket) => { socket.once('data', () => asked.resolve()) })
  const { port } = await startWays(t, silent.url)
  const wire = await openWire(t, port)
  wire.socket.write(get('/pass/slow'))
  await asked.promise
  wire.socket.write('nonsense\r\n\r\n')
  assert.equal(await inTime(wire.closed, 'the connection ends'), '')
})

test('a version that nobody speaks, an empty host and content of an upgrade are refused', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const requests = [
    'GET /pass/x HTTP/2.0\r\nhost: x\r\n\r\n', 'GET /pass/x HTTP/0.9\r\nhost: x\r\n\r\n', 'GET /pass/x\r\n\r\n', 'GET /pass/x HTTP/1.1\r\nhost:\r\n\r\n', 'GET /pass/x HTTP/1.0\r\nhost: \r\n\r\n',
    `GET /pass/x HTTP/1.1\r\nhost: x\r\n${upgrade}content-length: 5\r\n\r\nhello`, `GET /pass/x HTTP/1.1\r\nhost: x\r\n${upgrade}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ]
  for (const request of requests) {
    const { status } = await rawRequest(port, request)
    assert.ok(status === 400 || status === 0, `${status} for ${JSON.stringify(request)}`)
  }
  assert.equal(backend.wire(), '')
})
