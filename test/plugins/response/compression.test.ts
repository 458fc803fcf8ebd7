import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  createGunzip,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { getRaw, openRaw } from '../../support/raw-body.ts'

const TEXT = JSON.stringify({ items: Array.from({ length: 200 }, (_, id) => ({ id, name: `item ${id}` })) })
const LONG = TEXT.repeat(100)
const DECODE = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const

/** A gateway in front of one service. */
async function gatewayOf(
  t: TestContext,
  respond: RequestListener,
  compress: unknown = true,
  further: object = {},
  config = {},
) {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    respond(request, response)
  })
  const { url, app } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], compress, passThrough: true, ...further } },
    config,
  )
  return { url, backend, app }
}

const json = (response: ServerResponse, body: string | Buffer = TEXT, headers = {}): void => {
  response
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers })
    .end(body)
}

test('whole and streamed bodies in the coding that the client takes, with the right length or none', async (t) => {
  const bodies: Record<string, string> = { '/small': TEXT, '/long': LONG, '/umlaut': TEXT.replaceAll('item', 'Stück') }
  const { url, backend } = await gatewayOf(t, ({ url }, response) =>
    url === '/chunked' ? response.setHeader('content-type', 'text/plain').end(LONG) : json(response, bodies[url!]),
  )
  for (const coding of ['gzip', 'br', 'zstd'] as const) {
    for (const path of ['/small', '/long', '/umlaut', '/chunked']) {
      const { headers, body } = await getRaw(url + path, { 'accept-encoding': coding })
      assert.equal(headers['content-encoding'], coding, path)
      assert.equal(headers.vary, 'Accept-Encoding')
      assert.equal(DECODE[coding](body).toString(), bodies[path] ?? LONG, path)
      if (headers['content-length'] !== undefined) assert.equal(Number(headers['content-length']), body.length)
      else assert.equal(headers['transfer-encoding'], 'chunked')
    }
  }
  assert.equal((await getRaw(`${url}/small`, { 'accept-encoding': 'gzip;q=0, *' })).headers['content-encoding'], 'zstd')
  assert.equal(backend.received.at(-1)!.headers['accept-encoding'], 'gzip;q=0, *', 'it goes on as it came')
  for (const accepted of [undefined, 'identity', 'gzip;q=0', 'identity;q=0', '*;q=0']) {
    const { headers, body, status } = await getRaw(
      `${url}/small`,
      accepted === undefined ? {} : { 'accept-encoding': accepted },
    )
    assert.deepEqual(
      [status, headers['content-encoding'], headers.vary, headers['content-length'], body.toString()],
      [200, undefined, 'Accept-Encoding', String(TEXT.length), TEXT],
      String(accepted),
    )
  }
})

test('what is not compressed: other types, small bodies, parts, events, no-transform, bodies that are', async (t) => {
  const plain = { 'content-type': 'text/plain' }
  const answers: Record<string, (response: ServerResponse) => void> = {
    '/image': (response) => json(response, LONG, { 'content-type': 'image/png' }),
    '/typeless': (response) => {
      response.end(TEXT)
    },
    '/tiny': (response) => json(response, '{"a":1}'),
    '/part': (response) => {
      response.writeHead(206, { ...plain, 'content-range': 'bytes 0-1999/9999' }).end(TEXT.slice(0, 2000))
    },
    '/events': (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${TEXT}\n\n`)
    },
    '/fixed': (response) => json(response, TEXT, { 'cache-control': 'public, no-transform, max-age=1' }),
    '/coded': (response) => json(response, gzipSync(TEXT), { 'content-encoding': 'gzip', vary: 'Origin' }),
    '/unknown': (response) => json(response, TEXT, { 'content-encoding': 'aes128gcm', etag: '"a"' }),
  }
  const { url } = await gatewayOf(t, (request, response) => answers[request.url!]!(response))
  for (const path of Object.keys(answers)) {
    const { headers } = await getRaw(url + path, { 'accept-encoding': 'gzip, br' })
    assert.equal(
      headers['content-encoding'],
      path === '/coded' ? 'gzip' : path === '/unknown' ? 'aes128gcm' : undefined,
      path,
    )
    assert.equal(
      headers.vary,
      path === '/coded' ? 'Origin, Accept-Encoding' : path === '/part' ? 'Accept-Encoding' : undefined,
      path,
    )
  }
  assert.equal((await getRaw(`${url}/unknown`, { 'accept-encoding': 'gzip' })).headers.etag, '"a"')
  const asked = await getRaw(`${url}/coded`, { 'accept-encoding': 'br', 'cache-control': 'no-transform' })
  assert.equal(asked.headers['content-encoding'], 'gzip', 'a client may forbid it too')
})

test('settings of gateway, upstream and route: the nearest word wins', async (t) => {
  const { url } = await gatewayOf(
    t,
    (_, response) => json(response),
    { encodings: ['gzip'], minSize: 100 },
    {
      passThrough: false,
      routes: [
        { method: 'GET', url: '/inherits' },
        { method: 'GET', url: '/off', compress: false },
        { method: 'GET', url: '/own', compress: { types: ['text/*'] } },
        { method: 'GET', url: '/large', compress: { minSize: '1MiB' } },
      ],
    },
    { compress: true },
  )
  const coding = async (path: string) =>
    (await getRaw(url + path, { 'accept-encoding': 'br, gzip;q=0.5' })).headers['content-encoding']
  assert.deepEqual(
    [await coding('/inherits'), await coding('/off'), await coding('/own'), await coding('/large')],
    ['gzip', undefined, undefined, undefined],
  )
  const { url: other } = await gatewayOf(t, (_, response) => json(response), undefined, {}, { compress: true })
  assert.equal(
    (await getRaw(other, { 'accept-encoding': 'br' })).headers['content-encoding'],
    'br',
    'from the configuration',
  )
  const { url: none } = await gatewayOf(t, (_, response) => json(response, TEXT, { etag: '"a"' }), false)
  const { headers } = await getRaw(none, { 'accept-encoding': 'br' })
  assert.deepEqual(
    [headers['content-encoding'], headers.vary, headers.etag],
    [undefined, undefined, '"a"'],
    'off unless stated',
  )
})

test('tags of compressed bodies are weak, and clients that come back with them get 304', async (t) => {
  const { url, backend } = await gatewayOf(t, ({ url, headers }, response) => {
    if (url === '/knows' && headers['if-none-match']?.includes('"v1"')) response.writeHead(304, { etag: '"v1"' }).end()
    else {
      json(response, TEXT, {
        etag: '"v1"',
        vary: 'accept-ENCODING, origin',
        'accept-ranges': 'bytes',
        'content-digest': 'sha-256=:AA==:',
      })
    }
  })
  for (const path of ['/knows', '/exact']) {
    const { headers } = await getRaw(url + path, { 'accept-encoding': 'gzip' })
    assert.deepEqual(
      [headers.etag, headers.vary, headers['accept-ranges'], headers['content-digest']],
      ['W/"v1"', 'accept-ENCODING, origin', undefined, undefined],
    )
    const again = await getRaw(url + path, { 'accept-encoding': 'gzip', 'if-none-match': '"v0", W/"v1"' })
    assert.deepEqual(
      [again.status, again.headers.etag, again.headers['content-encoding'], again.body.length],
      [304, 'W/"v1"', undefined, 0],
      path,
    )
  }
  assert.equal(backend.received.at(-1)!.headers['if-none-match'], '"v0", W/"v1"')
  assert.equal((await getRaw(`${url}/exact`, { 'accept-encoding': 'gzip', 'if-none-match': '"v2"' })).status, 200)
  const plain = await getRaw(`${url}/exact`)
  assert.deepEqual(
    [plain.headers.etag, plain.headers['accept-ranges']],
    ['"v1"', 'bytes'],
    'of others they are as they were',
  )
  assert.equal((await getRaw(`${url}/knows`, { 'if-none-match': '"v1"' })).headers.etag, '"v1"')
})

test('HEAD has the headers of GET, without a length that would be wrong', async (t) => {
  const { url } = await gatewayOf(t, (_, response) => json(response, TEXT, { etag: '"v1"' }))
  const { headers, body } = await getRaw(url, { 'accept-encoding': 'br' }, 'HEAD')
  assert.deepEqual(
    [headers['content-encoding'], headers.etag, headers['content-length'], headers.vary, body.length],
    ['br', 'W/"v1"', undefined, 'Accept-Encoding', 0],
  )
  assert.equal((await getRaw(url, {}, 'HEAD')).headers['content-length'], String(TEXT.length))
})

test('a body in a coding that the client does not take is decoded for it, or coded anew', async (t) => {
  const coded: Record<string, Buffer> = {
    gzip: gzipSync(LONG),
    'x-gzip': gzipSync(TEXT),
    br: brotliCompressSync(TEXT),
    zstd: zstdCompressSync(LONG),
    deflate: deflateSync(TEXT),
  }
  const { url } = await gatewayOf(
    t,
    (request, response) =>
      json(response, coded[request.url!.slice(1)], { 'content-encoding': request.url!.slice(1), etag: '"v1"' }),
    { encodings: ['gzip', 'br'] },
  )
  for (const coding in coded) {
    const whole = coding === 'gzip' || coding === 'zstd' ? LONG : TEXT
    for (const accepted of [undefined, 'identity', `${coding};q=0`]) {
      const { headers, body } = await getRaw(
        `${url}/${coding}`,
        accepted === undefined ? {} : { 'accept-encoding': accepted },
      )
      assert.deepEqual(
        [headers['content-encoding'], headers.etag, headers.vary, headers['content-length']],
        [undefined, 'W/"v1"', 'Accept-Encoding', undefined],
        coding,
      )
      assert.equal(body.toString(), whole, coding)
    }
    const same = await getRaw(`${url}/${coding}`, { 'accept-encoding': coding })
    assert.deepEqual(
      [same.headers['content-encoding'], same.headers.etag, same.body.equals(coded[coding]!)],
      [coding, '"v1"', true],
      coding,
    )
  }
  const anew = await getRaw(`${url}/zstd`, { 'accept-encoding': 'br' })
  assert.equal(anew.headers['content-encoding'], 'br')
  assert.equal(brotliDecompressSync(anew.body).toString(), LONG)
  const head = await getRaw(`${url}/gzip`, {}, 'HEAD')
  assert.deepEqual([head.headers['content-encoding'], head.headers['content-length']], [undefined, undefined])
})

test('broken coded data ends in an error or a cut connection, and other requests go on', async (t) => {
  const good = gzipSync(Buffer.from(LONG), { level: 0 })
  const bodies: Record<string, Buffer> = {
    '/nonsense': Buffer.from('this is no gzip at all'),
    '/cut': good.subarray(0, good.length - 1000),
    '/good': good,
  }
  const { url } = await gatewayOf(t, (request, response) =>
    json(response, bodies[request.url!], { 'content-encoding': 'gzip', etag: '"x"' }),
  )
  const nonsense = await getRaw(`${url}/nonsense`)
  assert.deepEqual(
    [
      nonsense.status,
      nonsense.headers['content-encoding'],
      nonsense.headers.etag,
      JSON.parse(nonsense.body.toString()).code,
    ],
    [502, undefined, undefined, 'GW_UPSTREAM_BROKEN'],
  )
  const cut = await getRaw(`${url}/cut`)
  assert.ok(cut.broken || cut.status === 502, String(cut.status))
  assert.equal((await getRaw(`${url}/good`)).body.toString(), LONG)
})

test('a decompression bomb is decoded only as fast as the client reads', async (t) => {
  // 80 MiB of zeros in 80 KiB
  const bomb = Buffer.concat(Array.from({ length: 80 }, () => gzipSync(Buffer.alloc(1024 * 1024))))
  const { url } = await gatewayOf(t, (_, response) =>
    json(response, bomb, { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' }),
  )
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  const before = process.memoryUsage().arrayBuffers
  const unread = await openRaw(url)
  // while this one is decoded to its end, the other could have been too
  let length = 0
  for await (const chunk of await openRaw(url)) length += chunk.length
  assert.equal(length, 80 * 1024 * 1024)
  gc()
  const more = process.memoryUsage().arrayBuffers - before
  assert.ok(more < 16 * 1024 * 1024, `${more} bytes are held`)
  unread.destroy()
})

test('a slow stream reaches the client in parts, with its trailers at the end', async (t) => {
  let next!: () => void
  const { url } = await gatewayOf(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson', trailer: 'x-count' })
    for (let i = 0; i < 3; i++) {
      response.write(`${i}\n`)
      await new Promise<void>((resolve) => {
        next = resolve
      })
    }
    response.addTrailers({ 'x-count': '3' })
    response.end()
  })
  for (const coding of ['gzip', 'br', 'zstd'] as const) {
    const response = await openRaw(url, { 'accept-encoding': coding })
    assert.equal(response.headers['content-encoding'], coding)
    const chunks: Buffer[] = []
    let came = () => {}
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      came()
    })
    const ended = once(response, 'end')
    for (let i = 0; i < 3; i++) {
      // each part is there before the service sends the next, so that nothing waits for the end
      while (!textOf(coding, chunks).endsWith(`${i}\n`)) {
        await new Promise<void>((resolve) => {
          came = resolve
        })
      }
      next()
    }
    await ended
    assert.equal(DECODE[coding](Buffer.concat(chunks)).toString(), '0\n1\n2\n')
    assert.equal(response.trailers['x-count'], '3', coding)
  }
})

/** As much of a body as can be decoded so far. */
function textOf(coding: keyof typeof DECODE, chunks: Buffer[]): string {
  if (chunks.length === 0) return ''
  const flush = { gzip: constants.Z_SYNC_FLUSH, br: constants.BROTLI_OPERATION_FLUSH, zstd: constants.ZSTD_e_continue }[
    coding
  ]
  return DECODE[coding](Buffer.concat(chunks), { finishFlush: flush }).toString()
}

test('text that begins like compressed data, and a small body that comes late', async (t) => {
  let late!: () => void
  const { url } = await gatewayOf(t, (request, response) => {
    if (request.url === '/late') {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2000, etag: '"l"' }).flushHeaders()
      late = () => response.end('a'.repeat(2000))
    } else json(response, decodeURIComponent(request.url!.slice(1)) + TEXT, { 'content-type': 'text/csv' })
  })
  for (const start of ['80,', 'x ', 'hb']) {
    for (const coding of ['gzip', 'br', 'zstd'] as const) {
      assert.equal(
        DECODE[coding](
          (await getRaw(`${url}/${encodeURIComponent(start)}`, { 'accept-encoding': coding })).body,
        ).toString(),
        start + TEXT,
      )
    }
  }
  const response = await openRaw(`${url}/late`, { 'accept-encoding': 'gzip' })
  assert.deepEqual(
    [response.headers['content-encoding'], response.headers.etag],
    ['gzip', 'W/"l"'],
    'the head comes before the body',
  )
  late()
  assert.equal((await response.pipe(createGunzip()).toArray()).join(''), 'a'.repeat(2000))
})

test('an upstream that breaks off cuts the connection, and a client that leaves frees it', async (t) => {
  let closed!: () => void
  const left = new Promise<void>((resolve) => {
    closed = resolve
  })
  const { url } = await gatewayOf(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).write(LONG)
    if (request.url === '/breaks') setImmediate(() => response.destroy())
    else response.on('close', closed)
  })
  // what came before the end is no whole answer
  const broken = await getRaw(`${url}/breaks`, { 'accept-encoding': 'br' })
  assert.ok(broken.broken || broken.status === 502)
  const response = await openRaw(`${url}/leaves`, { 'accept-encoding': 'br' })
  response.destroy()
  await left
})

test('a plugin in routes/ can register @fastify/compress for itself', async (t) => {
  const { url } = await startGateway(
    t,
    {
      'own.ts': `import compress from ${JSON.stringify(import.meta.resolve('@fastify/compress'))}
export default async function (app) {
  await app.register(compress)
  app.get('/own', { config: { auth: 'none', compress: false } }, () => ({ text: 'a'.repeat(5000) }))
}`,
    },
    { compress: true },
  )
  assert.equal((await getRaw(`${url}/own`, { 'accept-encoding': 'gzip' })).headers['content-encoding'], 'gzip')
})
