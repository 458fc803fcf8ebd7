import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../../src/app.ts'
import { collectStream } from '../../../src/response/collected-stream.ts'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../../support/backend.ts'
import { JWT_SECRET, routesFolder, startGateway, testConfig } from '../../support/gateway.ts'
import { getRaw, openRaw } from '../../support/raw-body.ts'

type Respond = (response: ServerResponse, headers: IncomingHttpHeaders) => void

/** A gateway whose service answers each path in its own way. */
async function gatewayOf(
  t: TestContext,
  answers: Record<string, Respond>,
  clientCache: unknown,
  further: object = {},
  config = {},
) {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    answers[request.url!]!(response, request.headers)
  })
  const { url } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], clientCache, passThrough: true, ...further } },
    config,
  )
  return { url, backend }
}

const answer =
  (status: number, headers: OutgoingHttpHeaders = {}, body = 'x'): Respond =>
  (response) => {
    response.writeHead(status, headers).end(status === 304 ? undefined : body)
  }

test('clients are told what the response does not say itself', async (t) => {
  const answers = {
    '/plain': answer(200),
    '/own': answer(200, { 'cache-control': 'max-age=5' }),
    '/expires': answer(200, { expires: '0' }),
    '/same': answer(304, { etag: '"a"' }),
    '/moved': answer(301, { location: '/' }),
    '/missing': answer(404),
    '/error': answer(500, { 'cache-control': 'max-age=1' }),
    '/cookie': answer(200, { 'set-cookie': 'a=b' }),
    '/fixed': answer(200, { 'cache-control': 'no-store, no-transform', expires: '0', pragma: 'no-cache' }),
  }
  const { url } = await gatewayOf(t, answers, { privacy: 'public', maxAge: '1 minute', sharedMaxAge: '1 hour' })
  const said = async (path: string, headers = {}, base = url) =>
    (await getRaw(base + path, headers)).headers['cache-control']
  assert.equal(await said('/plain'), 'public, max-age=60, s-maxage=3600')
  assert.equal(await said('/own'), 'max-age=5')
  assert.equal(await said('/expires'), undefined)
  assert.equal(await said('/same'), 'public, max-age=60, s-maxage=3600', 'a 304 does not put out what the client has')
  assert.equal(await said('/moved'), undefined)
  assert.equal(await said('/missing'), 'no-store')
  assert.equal(await said('/error'), 'max-age=1')
  assert.equal(await said('/cookie'), 'private, max-age=60', 'what is for one client is not said to be for all')
  assert.equal(await said('/plain', { authorization: 'Basic eDp5' }), 'private, max-age=60')

  const { url: forced } = await gatewayOf(t, answers, { privacy: 'public', maxAge: '1 minute', override: true })
  const { headers } = await getRaw(`${forced}/fixed`)
  assert.deepEqual(
    [headers['cache-control'], headers.expires, headers.pragma],
    ['public, max-age=60, no-transform', undefined, undefined],
  )
  assert.equal(await said('/cookie', {}, forced), 'public, max-age=60')

  for (const [privacy, value] of [
    ['no-cache', 'no-cache'],
    ['no-store', 'no-store'],
    ['private', 'private'],
  ]) {
    const { url: other } = await gatewayOf(t, answers, { privacy })
    assert.equal(await said('/plain', {}, other), value)
  }
})

test('consumers get what is theirs alone, routes differ, and errors of the gateway are not kept', async (t) => {
  const { url } = await gatewayOf(
    t,
    { '/plain': answer(200), '/off': answer(200) },
    { privacy: 'public', maxAge: 1000 },
    {
      auth: { jwt: {} },
      passThrough: false,
      routes: [
        { method: 'GET', url: '/plain' },
        { method: 'GET', url: '/off', clientCache: false, auth: 'none' },
      ],
    },
    { jwt: { secret: JWT_SECRET } },
  )
  const token = `Bearer ${signToken({ secret: JWT_SECRET, clockTolerance: 0, cacheSize: 10 } as never, { sub: 'me' })}`
  assert.equal((await getRaw(`${url}/plain`, { authorization: token })).headers['cache-control'], 'private, max-age=1')
  assert.equal((await getRaw(`${url}/plain`)).headers['cache-control'], 'no-store')
  assert.equal((await getRaw(`${url}/off`)).headers['cache-control'], undefined)
})

test('settings that contradict each other stop the boot', async (t) => {
  for (const [clientCache, field] of [
    [{ maxAge: '1s' }, 'maxAge'],
    [{ privacy: 'no-store', maxAge: '1s' }, 'maxAge'],
    [{ privacy: 'private', sharedMaxAge: '1s' }, 'sharedMaxAge'],
    [{ etag: true, override: true }, 'override'],
  ] as const) {
    const folder = await routesFolder(t, {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: ['http://127.0.0.1:1'],
        clientCache,
        routes: [{ method: 'GET', url: '/' }],
      },
    })
    await assert.rejects(
      buildApp(testConfig(folder)),
      new RegExp(`a\\.json: clientCache\\.${field}: has an effect only`),
    )
  }
})

test('tags for upstreams that have none, and 304 for clients that come back', async (t) => {
  const long = 'é'.repeat(100_000)
  const { url } = await gatewayOf(
    t,
    {
      '/small': answer(200, { 'content-type': 'text/plain', 'content-length': 1 }),
      '/long': answer(200, { 'content-type': 'text/plain' }, long),
      '/huge': answer(200, { 'content-type': 'text/plain' }, 'a'.repeat(1024 * 1024 + 1)),
      '/own': answer(200, { etag: 'W/"o"' }),
      '/dated': answer(200, { 'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
      '/made': answer(201),
      '/events': answer(200, { 'content-type': 'text/event-stream' }),
      '/trailers': (response) => {
        response.writeHead(200, { trailer: 'x-a' }).write('x')
        response.addTrailers({ 'x-a': '1' })
        response.end()
      },
    },
    { etag: true },
  )
  for (const [path, body] of [
    ['/small', 'x'],
    ['/long', long],
  ] as const) {
    const first = await getRaw(url + path)
    assert.match(first.headers.etag!, /^"[\w-]{27}"$/)
    assert.deepEqual(
      [first.body.toString(), first.headers['content-length'], first.headers['cache-control']],
      [body, String(Buffer.byteLength(body)), undefined],
    )
    for (const form of [first.headers.etag!, `"other", W/${first.headers.etag}`]) {
      const again = await getRaw(url + path, { 'if-none-match': form })
      assert.deepEqual(
        [
          again.status,
          again.headers.etag,
          again.headers['content-type'],
          again.headers['content-length'],
          again.body.length,
        ],
        [304, first.headers.etag, undefined, undefined, 0],
      )
    }
    assert.equal((await getRaw(url + path, { 'if-none-match': '"other"' })).status, 200)
  }
  for (const [path, tag] of [
    ['/huge', undefined],
    ['/own', 'W/"o"'],
    ['/dated', undefined],
    ['/made', undefined],
    ['/events', undefined],
    ['/trailers', undefined],
  ] as const) {
    assert.equal((await getRaw(url + path)).headers.etag, tag, path)
  }
  assert.equal((await getRaw(`${url}/huge`)).body.length, 1024 * 1024 + 1)
  assert.equal((await getRaw(`${url}/trailers`)).trailers['x-a'], '1')
})

test('with compression and the cache of the gateway: the tag is weak, what is stored knows nothing of it', async (t) => {
  const { url, backend } = await gatewayOf(
    t,
    { '/': answer(200, { 'content-type': 'text/plain', 'gatehouse-cache-control': 'max-age=60' }, 'a'.repeat(5000)) },
    { etag: true, privacy: 'private', maxAge: '1 minute' },
    { compress: true, cache: true },
  )
  const plain = await getRaw(url)
  for (let i = 0; i < 2; i++) {
    const { headers } = await getRaw(url, { 'accept-encoding': 'gzip' })
    assert.deepEqual([headers.etag, headers['content-encoding']], [`W/${plain.headers.etag}`, 'gzip'])
    assert.match(String(headers['cache-control']), /^private, max-age=6\d$/)
    const known = await getRaw(url, { 'accept-encoding': 'gzip', 'if-none-match': headers.etag! })
    assert.deepEqual([known.status, known.headers.etag], [304, headers.etag])
  }
  assert.equal(backend.received.length, 1)
})

test('a body that takes long is streamed without a tag, its head not held back', async (t) => {
  let end!: () => void
  const { url } = await gatewayOf(
    t,
    {
      '/': (response) => {
        response.writeHead(200, { 'content-type': 'text/plain' }).write('first')
        end = () => response.end('last')
      },
    },
    { etag: true },
  )
  const response = await openRaw(url)
  assert.equal(response.headers.etag, undefined)
  const [chunk] = await once(response, 'data')
  assert.equal(String(chunk), 'first')
  response.on('data', (more) => assert.equal(String(more), 'last'))
  end()
  await once(response, 'end')
})

test('an upstream that breaks off while its body is hashed', async (t) => {
  const { url } = await gatewayOf(
    t,
    {
      '/': (response) => {
        response.writeHead(200, { 'content-length': 100_000, 'content-encoding': 'gzip' }).write('first')
        setImmediate(() => response.destroy())
      },
    },
    { etag: true },
  )
  const { status, headers, body } = await getRaw(url)
  assert.deepEqual(
    [status, headers['content-encoding'], JSON.parse(body.toString()).code],
    [502, undefined, 'GW_UPSTREAM_BROKEN'],
  )
})

test('a stream that is too long is put back together', async () => {
  const stream = new PassThrough()
  stream.write('abc')
  stream.end('def')
  const whole = await new Promise((resolve) =>
    collectStream(stream, 4, 60_000, (error, body) => resolve([error, body])),
  )
  assert.deepEqual(whole, [null, null])
  assert.equal((await stream.toArray()).join(''), 'abcdef')
})

test('the pages of the gateway say that they change', async (t) => {
  const { url } = await startGateway(t, {}, { docs: { path: '/docs', auth: 'none' } })
  assert.equal((await getRaw(`${url}/docs/json`)).headers['cache-control'], 'no-cache')
  const behind = await startGateway(t, {}, { docs: { path: '/docs', auth: { jwt: {} } }, jwt: { secret: JWT_SECRET } })
  const authorization = `Bearer ${signToken({ secret: JWT_SECRET, clockTolerance: 0, cacheSize: 10 } as never, { sub: 'me' })}`
  assert.equal(
    (await getRaw(`${behind.url}/docs/json`, { authorization })).headers['cache-control'],
    'private, no-cache',
  )
})
