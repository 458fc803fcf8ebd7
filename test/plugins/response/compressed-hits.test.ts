import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { EncodedBodies } from '../../../src/cache/encoded-bodies.ts'
import { startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { getRaw } from '../../support/raw-body.ts'

const TEXT = JSON.stringify({ items: Array.from({ length: 200 }, (_, id) => ({ id, name: `item ${id}` })) })

test('one stored body serves clients of every coding, and ranges, HEAD and conditions too', async (t) => {
  const { url: target, received } = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(200, {
        'content-type': 'application/json',
        'cache-control': 'max-age=60',
        etag: '"v1"',
        vary: 'Accept-Encoding',
      })
      .end(TEXT)
  })
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [target], cache: true, compress: true, passThrough: true },
  })
  const first = await getRaw(url, { 'accept-encoding': 'br' })
  assert.equal(brotliDecompressSync(first.body).toString(), TEXT)
  for (const [coding, decode] of [
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const) {
    const { headers, body } = await getRaw(url, { 'accept-encoding': coding })
    assert.match(String(headers['cache-status']), /hit/)
    assert.deepEqual(
      [headers['content-encoding'], headers.etag, headers.vary, headers['content-length']],
      [coding, 'W/"v1"', 'Accept-Encoding', String(body.length)],
    )
    assert.equal(decode(body).toString(), TEXT)
  }
  const plain = await getRaw(url)
  assert.deepEqual(
    [plain.headers['content-encoding'], plain.headers.etag, plain.body.toString()],
    [undefined, '"v1"', TEXT],
  )
  const range = await getRaw(url, { 'accept-encoding': 'gzip', range: 'bytes=0-9' })
  assert.deepEqual(
    [range.status, range.headers['content-encoding'], range.body.toString()],
    [206, undefined, TEXT.slice(0, 10)],
  )
  const known = await getRaw(url, { 'accept-encoding': 'gzip', 'if-none-match': 'W/"v1"' })
  assert.deepEqual([known.status, known.headers.etag], [304, 'W/"v1"'])
  const head = await getRaw(url, { 'accept-encoding': 'gzip' }, 'HEAD')
  assert.deepEqual(
    [head.headers['content-encoding'], head.headers['content-length'], head.headers.etag],
    ['gzip', undefined, 'W/"v1"'],
  )
  assert.deepEqual(
    received.map(({ headers }) => headers['accept-encoding']),
    ['identity'],
  )
})

test('a part and a 304 vary by what the whole varies by', async (t) => {
  const { url: target } = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(200, {
        'content-type': request.url === '/image' ? 'image/png' : 'application/json',
        'cache-control': 'max-age=60',
        etag: '"v1"',
        vary: 'Origin',
      })
      .end(TEXT)
  })
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [target], cache: true, compress: true, passThrough: true },
  })
  await getRaw(url)
  for (const [status, headers] of [
    [206, { range: 'bytes=0-9' }],
    [304, { 'if-none-match': '"v1"' }],
    [200, {}],
  ] as const) {
    const answer = await getRaw(url, { ...headers, 'accept-encoding': 'gzip' })
    assert.deepEqual([answer.status, answer.headers.vary], [status, 'Origin, Accept-Encoding'])
  }
  await getRaw(`${url}/image`)
  assert.equal((await getRaw(`${url}/image`, { range: 'bytes=0-9' })).headers.vary, 'Origin')
})

test('an empty body is in no coding, whatever is said of it', async (t) => {
  const { url: target } = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(200, {
        'content-type': 'application/json',
        'cache-control': 'max-age=60',
        'content-encoding': 'gzip',
        ...(request.url === '/stated' ? { 'content-length': '0' } : {}),
      })
      .end()
  })
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [target], cache: true, compress: true, passThrough: true },
  })
  for (const path of ['/stated', '/chunked', '/stated', '/chunked']) {
    const { status, headers, body } = await getRaw(url + path)
    assert.deepEqual([status, headers['content-encoding'], body.length], [200, undefined, 0], path)
  }
})

test('a stored body in a coding is decoded for clients that do not take it', async (t) => {
  const { url: target, received } = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60', 'content-encoding': 'gzip' })
      .end(gzipSync(TEXT))
  })
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [target], cache: true, compress: true, passThrough: true },
  })
  for (let i = 0; i < 2; i++) {
    assert.equal((await getRaw(url)).body.toString(), TEXT)
    assert.equal(gunzipSync((await getRaw(url, { 'accept-encoding': 'gzip' })).body).toString(), TEXT)
    assert.equal(brotliDecompressSync((await getRaw(url, { 'accept-encoding': 'br' })).body).toString(), TEXT)
  }
  assert.equal(received.length, 1)
})

test('bodies are encoded once for each coding, within a bound', async () => {
  let made = 0
  const bodies = new EncodedBodies<'a' | 'b'>(10, async (body, coding) => {
    made++
    if (body.length === 0) throw new Error('cannot')
    return Buffer.from(coding.repeat(body.length))
  })
  const one = Buffer.alloc(6)
  const both = await Promise.all([bodies.get(one, 'a'), bodies.get(one, 'a')])
  assert.equal(both[0], both[1])
  assert.equal(await bodies.get(one, 'a'), both[0])
  assert.deepEqual([made, bodies.bytes, bodies.get(one, 'a') instanceof Promise], [1, 6, false])
  for (let i = 0; i < 2; i++) assert.equal(String(await bodies.get(one, 'b')), 'bbbbbb')
  assert.deepEqual([made, bodies.bytes], [3, 6], 'above the bound it is made each time')
  for (let i = 0; i < 2; i++) await assert.rejects(async () => bodies.get(Buffer.alloc(0), 'a'))
})
