import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { startCached, until } from '../../cache/cached-gateway.ts'

const MAX_AGE = 'max-age=60'
const START = Date.parse('2026-01-01T00:00:00Z')

/** The clock of gateway and backend; sockets and timers go on as usual. */
function clock(t: TestContext): { pass: (seconds: number) => void } {
  t.mock.timers.enable({ apis: ['Date'], now: START })
  return {
    pass: (seconds) => {
      t.mock.timers.setTime(Date.now() + seconds * 1000)
    },
  }
}

const answering =
  (headers: Record<string, string | string[]>, status = 200) =>
  (_request: IncomingMessage, response: ServerResponse, count: number): void => {
    response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(`answer ${count}`)
  }

test('a fresh response is used again, with its age and what the cache has done', async (t) => {
  const { pass } = clock(t)
  const { ask, asked } = await startCached(t, answering({ 'cache-control': MAX_AGE }))
  const first = await ask('/x?a=1')
  assert.equal(first.headers['cache-status'], 'Gatehouse; fwd=uri-miss; fwd-status=200; stored')
  assert.equal(first.headers.age, undefined)
  pass(10)
  const second = await ask('/x?a=1')
  assert.deepEqual(
    [second.body, second.headers.age, second.headers['cache-status']],
    ['answer 1', '10', 'Gatehouse; hit; ttl=50'],
  )
  assert.equal((await ask('/x?a=2')).body, 'answer 2')
  pass(51)
  const third = await ask('/x?a=1')
  assert.deepEqual(
    [third.body, third.headers['cache-status']],
    ['answer 3', 'Gatehouse; fwd=stale; fwd-status=200; stored'],
  )
  assert.equal(asked(), 3)
})

test('a stale response is validated, and is fresh again after 304', async (t) => {
  const { pass } = clock(t)
  const { ask, backend } = await startCached(t, (request, response, count) => {
    const headers = { 'cache-control': MAX_AGE, etag: '"v1"', 'x-count': String(count) }
    if (request.headers['if-none-match'] === '"v1"') response.writeHead(304, headers).end()
    else response.writeHead(200, headers).end('body')
  })
  await ask('/x', { headers: { 'if-none-match': '"other"' } })
  assert.equal(backend.received[0]!.headers['if-none-match'], undefined)
  pass(61)
  const validated = await ask('/x')
  assert.deepEqual(
    [validated.status, validated.body, validated.headers['x-count'], validated.headers.age],
    [200, 'body', '2', '0'],
  )
  assert.equal(validated.headers['cache-status'], 'Gatehouse; fwd=stale; fwd-status=304; ttl=60; stored')
  assert.equal((await ask('/x')).headers['x-count'], '2')
  assert.equal(backend.received.length, 2)
  // what the client has already is not sent again, whoever validates
  assert.equal((await ask('/x', { headers: { 'if-none-match': 'W/"v1"' } })).status, 304)
  pass(61)
  const both = await ask('/x', { headers: { 'if-none-match': '"v1"' } })
  assert.deepEqual([both.status, both.body, both.headers.etag], [304, '', '"v1"'])
  assert.equal(backend.received.length, 3)
})

test('ranges, HEAD and conditions are answered from what is stored', async (t) => {
  const body = '0123456789'
  const modified = 'Wed, 01 Jan 2025 00:00:00 GMT'
  const { ask, asked } = await startCached(t, (_request, response) => {
    response
      .writeHead(200, {
        'content-type': 'text/plain',
        'cache-control': MAX_AGE,
        etag: '"v"',
        'last-modified': modified,
      })
      .end(body)
  })
  await ask('/x')
  const range = async (value: string, more = {}) => {
    const { status, body, headers } = await ask('/x', { headers: { range: value, ...more } })
    return [status, body, headers['content-range']]
  }
  assert.deepEqual(await range('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
  assert.deepEqual(await range('bytes=-3'), [206, '789', 'bytes 7-9/10'])
  assert.deepEqual(await range('bytes=8-99'), [206, '89', 'bytes 8-9/10'])
  assert.deepEqual(await range('bytes=10-'), [416, '', 'bytes */10'])
  assert.deepEqual(await range('bytes=5-2'), [200, body, undefined])
  assert.deepEqual(await range('bytes=0-1,3-4'), [200, body, undefined])
  assert.deepEqual(await range('bytes=0-1', { 'if-range': '"v"' }), [206, '01', 'bytes 0-1/10'])
  assert.deepEqual(await range('bytes=0-1', { 'if-range': '"w"' }), [200, body, undefined])
  assert.deepEqual(await range('bytes=0-1', { 'if-range': modified }), [206, '01', 'bytes 0-1/10'])
  const head = await ask('/x', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '10'])
  const since = (date: string) => ask('/x', { headers: { 'if-modified-since': date } })
  assert.equal((await since(modified)).status, 304)
  assert.equal((await since('Wednesday, 01-Jan-25 00:00:00 GMT')).status, 304)
  assert.equal((await since('Tue, 31 Dec 2024 23:59:59 GMT')).status, 200)
  assert.equal((await since('not a date')).status, 200)
  // If-None-Match goes before If-Modified-Since
  assert.equal((await ask('/x', { headers: { 'if-none-match': '"w"', 'if-modified-since': modified } })).status, 200)
  assert.equal(asked(), 1)
  // a state that only the upstream knows
  await ask('/x', { headers: { 'if-match': '"v"' } })
  assert.equal(asked(), 2)
})

test('parts are stored and put together when their content is the same', async (t) => {
  const body = '0123456789'
  const { ask, asked } = await startCached(t, (request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.map(Number) as [number, number, number]
    response
      .writeHead(206, {
        'content-type': 'text/plain',
        'cache-control': MAX_AGE,
        etag: '"v"',
        'content-range': `bytes ${first}-${last}/10`,
      })
      .end(body.slice(first, last + 1))
  })
  assert.equal((await ask('/x', { headers: { range: 'bytes=0-4' } })).body, '01234')
  const part = await ask('/x', { headers: { range: 'bytes=1-3' } })
  assert.deepEqual([part.status, part.body, part.headers['content-range'], asked()], [206, '123', 'bytes 1-3/10', 1])
  assert.equal((await ask('/x', { headers: { range: 'bytes=5-9' } })).body, '56789')
  const whole = await ask('/x')
  assert.deepEqual([whole.status, whole.body, whole.headers['content-range'], asked()], [200, body, undefined, 2])
})

test('variants are told apart by what Vary names', async (t) => {
  const { ask, asked } = await startCached(t, (request, response, count) => {
    response
      .writeHead(200, { 'cache-control': MAX_AGE, vary: 'Accept-Language, X-Tenant' })
      .end(`${request.headers['accept-language']} ${count}`)
  })
  const body = async (headers: Record<string, string>) => (await ask('/x', { headers })).body
  assert.equal(await body({ 'accept-language': 'de, en' }), 'de, en 1')
  assert.equal(await body({ 'accept-language': 'EN ,de' }), 'de, en 1')
  assert.equal(await body({ 'accept-language': 'fr' }), 'fr 2')
  assert.equal(await body({ 'accept-language': 'fr', 'x-tenant': 't' }), 'fr 3')
  assert.equal(await body({ 'accept-language': 'fr', 'x-tenant': 'T' }), 'fr 4')
  assert.equal(await body({ 'accept-language': 'fr' }), 'fr 2')
  assert.match(
    (await ask('/x', { headers: { 'accept-language': 'it' } })).headers['cache-status'] as string,
    /fwd=vary-miss/,
  )
  assert.equal(asked(), 5)
})

test('what must not be stored is not', async (t) => {
  const cases: [headers: Record<string, string | string[]>, requestHeaders?: Record<string, string>][] = [
    [{ 'cache-control': 'no-store, max-age=60' }],
    [{ 'cache-control': 'private, max-age=60' }],
    [{ 'cache-control': 'max-age=60', vary: '*' }],
    [{ 'cache-control': 'max-age=60', 'set-cookie': 'a=b' }],
    [{ 'cache-control': 'max-age=60' }, { cookie: 'session=1' }],
    [{ 'cache-control': 'max-age=60' }, { authorization: 'Bearer x' }],
    [{ 'cache-control': 'max-age=60' }, { 'cache-control': 'no-store' }],
    [{ 'cache-control': 'max-age=0' }],
    [{ expires: '0' }],
    [{ 'cache-control': 'max-age=60', 'cdn-cache-control': 'no-store' }],
    [{ 'cache-control': 'max-age=60', 'gatehouse-cache-control': 'private' }],
    [{}],
  ]
  for (const [headers, requestHeaders = {}] of cases) {
    const { ask, asked } = await startCached(t, answering(headers))
    await ask('/x', { headers: requestHeaders })
    await ask('/x')
    assert.equal(asked(), 2, JSON.stringify([headers, requestHeaders]))
  }
})

test('no-cache and private with field names keep only these fields to the one who has asked', async (t) => {
  const { ask, asked } = await startCached(
    t,
    answering({
      'cache-control': 'max-age=60, no-cache="set-cookie", private="x-user"',
      'set-cookie': 'a=b',
      'x-user': 'ada',
      'x-all': '1',
    }),
  )
  const first = await ask('/x')
  assert.deepEqual([first.headers['set-cookie'], first.headers['x-user']], [['a=b'], 'ada'])
  const second = await ask('/x')
  assert.deepEqual(
    [second.headers['set-cookie'], second.headers['x-user'], second.headers['x-all'], asked()],
    [undefined, undefined, '1', 1],
  )
})

test('a request with cookies gets only what is public, unless cookies do not matter', async (t) => {
  const cookie = 'session=1'
  const plain = await startCached(t, answering({ 'cache-control': MAX_AGE }))
  await plain.ask('/x')
  assert.equal((await plain.ask('/x', { headers: { cookie } })).body, 'answer 2')
  assert.equal((await plain.ask('/x')).body, 'answer 1')
  const open = await startCached(t, answering({ 'cache-control': 'public, max-age=60' }))
  await open.ask('/x', { headers: { cookie } })
  assert.equal((await open.ask('/x', { headers: { cookie: 'session=2' } })).body, 'answer 1')
  const shared = await startCached(t, answering({ 'cache-control': MAX_AGE, 'set-cookie': 'a=b' }), {
    cookies: 'share',
  })
  await shared.ask('/x', { headers: { cookie } })
  assert.deepEqual([(await shared.ask('/x')).headers['set-cookie'], shared.asked()], [['a=b'], 1])
  const keyed = await startCached(t, answering({ 'cache-control': MAX_AGE }), {
    key: { cookies: ['theme'], headers: ['x-a'], query: { deny: ['utm_*', 'fbclid'] } },
  })
  const body = async (path: string, headers = {}) => (await keyed.ask(path, { headers })).body
  assert.equal(await body('/x', { cookie: 'theme=dark' }), 'answer 1')
  assert.equal(await body('/x', { cookie: 'theme=light' }), 'answer 2')
  assert.equal(await body('/x', { cookie: 'theme=dark' }), 'answer 1')
  assert.equal(await body('/x', { cookie: 'theme=dark; session=1' }), 'answer 3')
  assert.equal(await body('/x', { cookie: 'theme=dark', 'x-a': '1' }), 'answer 4')
  assert.equal(await body('/x?utm_source=a&b=1&fbclid=2'), 'answer 5')
  assert.equal(await body('/x?b=1&%75tm_source=c'), 'answer 5')
  assert.equal(keyed.backend.received.at(-1)!.url, '/x?b=1')
})

test('an unsafe request puts out what it has changed, a failed one nothing', async (t) => {
  const { ask } = await startCached(t, (request, response, count) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'cache-control': MAX_AGE }).end(`answer ${count}`)
      return
    }
    const location = request.url === '/created' ? { location: '/x', 'content-location': 'http://elsewhere.test/y' } : {}
    response
      .writeHead(request.headers['x-status'] === undefined ? 201 : Number(request.headers['x-status']), location)
      .end()
  })
  const body = async (path: string) => (await ask(path)).body
  assert.deepEqual([await body('/x'), await body('/y')], ['answer 1', 'answer 2'])
  await ask('/x', { method: 'POST', headers: { 'x-status': '500' } })
  assert.equal(await body('/x'), 'answer 1')
  await ask('/x', { method: 'DELETE' })
  assert.equal(await body('/x'), 'answer 5')
  await ask('/created', { method: 'POST' })
  assert.deepEqual([await body('/x'), await body('/y')], ['answer 7', 'answer 2'])
})

test('what Location names is put out as clients name it: with the prefix that the upstream does not see, however it is spelled', async (t) => {
  let location = ''
  const { ask } = await startCached(
    t,
    (request, response, count) => {
      if (request.method === 'GET') response.writeHead(200, { 'cache-control': MAX_AGE }).end(`${count}`)
      else response.writeHead(201, { location }).end()
    },
    true,
    { prefix: '/shop', stripPrefix: true },
  )
  for (const host of ['shop.test', 'shop.test:80']) {
    const isHit = async (): Promise<boolean> =>
      (await ask('/shop/a~b%20c', { headers: { host } })).headers['cache-status']!.includes('hit')
    for (location of ['/a~b c', '/a%7eb%20c', '/shop/a%7Eb%20c#part', `http://${host}/shop/a~b%20c`]) {
      await isHit()
      assert.ok(await isHit())
      await ask('/shop', { method: 'POST', headers: { host } })
      assert.ok(!(await isHit()), `${host} ${location}`)
    }
  }
})

test('what a cache of the upstream says comes before what this one says', async (t) => {
  const { ask } = await startCached(t, answering({ 'cache-control': 'max-age=60', 'cache-status': 'Origin; hit' }))
  const status = async (headers = {}) => (await ask('/x', { headers })).headers['cache-status']
  assert.equal(await status(), 'Origin; hit, Gatehouse; fwd=uri-miss; fwd-status=200; stored')
  assert.match((await status()) as string, /^Gatehouse; hit/)
  assert.match((await status({ 'cache-control': 'no-store' })) as string, /^Origin; hit, Gatehouse; fwd=request/)
})

test('a client can ask for validation, for nothing but the cache, and be passed over', async (t) => {
  const { pass } = clock(t)
  const { ask, asked } = await startCached(t, answering({ 'cache-control': 'max-age=60' }))
  const control = (value: string) => ask('/x', { headers: { 'cache-control': value } })
  const missing = await control('only-if-cached')
  assert.deepEqual([missing.status, JSON.parse(missing.body).code], [504, 'GW_NOT_CACHED'])
  await ask('/x')
  assert.equal((await control('only-if-cached')).status, 200)
  pass(10)
  assert.equal((await control('max-age=20')).body, 'answer 1')
  assert.equal((await control('min-fresh=40')).body, 'answer 1')
  assert.equal((await control('max-age=5')).body, 'answer 2')
  assert.equal((await control('min-fresh=70')).body, 'answer 3')
  assert.equal((await control('no-cache')).body, 'answer 4')
  assert.equal((await ask('/x', { headers: { pragma: 'no-cache' } })).body, 'answer 5')
  pass(70)
  assert.equal((await control('max-stale=20')).body, 'answer 5')
  assert.equal((await control('max-stale=5')).body, 'answer 6')
  assert.equal(asked(), 6)
  const deaf = await startCached(t, answering({ 'cache-control': 'max-age=60' }), { clientControl: false })
  await deaf.ask('/x')
  assert.equal((await deaf.ask('/x', { headers: { 'cache-control': 'no-cache' } })).body, 'answer 1')
})

test('a stale response is used while it is validated, once, behind the back of those who ask', async (t) => {
  const { pass } = clock(t)
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (_request, response, count) => {
    response.writeHead(200, { 'cache-control': 'max-age=10, stale-while-revalidate=30' })
    if (count === 2) held.push(response)
    else response.end(`answer ${count}`)
  })
  await ask('/x')
  pass(15)
  const stale = await Promise.all([ask('/x'), ask('/x'), ask('/x')])
  assert.deepEqual(
    stale.map(({ body }) => body),
    ['answer 1', 'answer 1', 'answer 1'],
  )
  assert.equal(stale[0]!.headers['cache-status'], 'Gatehouse; hit; ttl=-5')
  await until(() => held.length === 1, 'a request behind')
  held[0]!.end('answer 2')
  await eventually('the new response', async () => (await ask('/x')).body === 'answer 2')
  assert.equal(asked(), 2)
  pass(41)
  assert.equal((await ask('/x')).body, 'answer 3')
})

test('a stale response stands in for an upstream that fails, as long as was said', async (t) => {
  const { pass } = clock(t)
  let isWell = true
  const respond =
    (control: string) =>
    (_request: IncomingMessage, response: ServerResponse): void => {
      if (isWell) response.writeHead(200, { 'cache-control': control }).end('good')
      else response.writeHead(503).end('bad')
    }
  const said = await startCached(t, respond('max-age=10, stale-if-error=60'))
  const granted = await startCached(t, respond('max-age=10'), { grace: '1 minute' })
  const strict = await startCached(t, respond('max-age=10, must-revalidate'), { grace: '1 minute' })
  for (const { ask } of [said, granted, strict]) assert.equal((await ask('/x')).body, 'good')
  isWell = false
  pass(30)
  for (const { ask } of [said, granted]) {
    const answer = await ask('/x')
    assert.deepEqual(
      [answer.status, answer.body, answer.headers['cache-status']],
      [200, 'good', 'Gatehouse; fwd=stale; fwd-status=503; ttl=-20'],
    )
  }
  assert.equal((await strict.ask('/x')).status, 503)
  for (const { backend } of [said, granted, strict]) {
    backend.server.close()
    backend.server.closeAllConnections()
  }
  assert.equal((await said.ask('/x')).body, 'good')
  assert.equal((await granted.ask('/x')).body, 'good')
  assert.equal((await strict.ask('/x')).status, 502)
  pass(41)
  assert.equal((await said.ask('/x')).status, 502)
  assert.equal((await granted.ask('/x')).status, 502)
})

test('what breaks off, is longer than stated, or breaks its schema is not stored', async (t) => {
  const { ask, asked } = await startCached(
    t,
    (request, response, count) => {
      if (request.url === '/cut') {
        response.writeHead(200, { 'cache-control': MAX_AGE, 'transfer-encoding': 'chunked' })
        response.write('half', () => {
          if (count === 1) response.destroy()
          else response.end(' and half')
        })
      } else if (request.url === '/large') {
        response.writeHead(200, { 'cache-control': MAX_AGE }).end('x'.repeat(200_000))
      } else if (request.url === '/chunked') {
        response.writeHead(200, { 'cache-control': MAX_AGE })
        for (let i = 0; i < 20; i++) response.write('x'.repeat(10_000))
        response.end()
      }
    },
    { maxObjectSize: '100KiB' },
  )
  await assert.rejects(ask('/cut'))
  assert.equal((await ask('/cut')).body, 'half and half')
  assert.deepEqual([(await ask('/cut')).body, asked()], ['half and half', 2])
  for (const path of ['/large', '/chunked']) {
    const before = asked()
    for (let i = 0; i < 2; i++) assert.equal((await ask(path)).body.length, 200_000)
    assert.equal(asked(), before + 2, path)
  }
  const strict = await startCached(
    t,
    (_request, response, count) => {
      response
        .writeHead(200, { 'content-type': 'application/json', 'cache-control': MAX_AGE })
        .end(count === 1 ? '{"id":"no"}' : '{"id":1}')
    },
    true,
    {
      passThrough: false,
      responseValidation: 'enforce',
      routes: [
        {
          method: 'GET',
          url: '/x',
          schema: { response: { 200: { type: 'object', properties: { id: { type: 'integer' } } } } },
        },
      ],
    },
  )
  assert.equal((await strict.ask('/x')).status, 502)
  assert.equal((await strict.ask('/x')).body, '{"id":1}')
  assert.deepEqual([(await strict.ask('/x')).body, strict.asked()], ['{"id":1}', 2])
})

test('the configuration gives a lifetime where the upstream gives none, and against it in so many words', async (t) => {
  const { pass } = clock(t)
  const quiet = await startCached(
    t,
    (request, response, count) => {
      const status = request.url === '/gone' ? 404 : request.url === '/broken' ? 500 : 200
      response.writeHead(status, request.url === '/own' ? { 'cache-control': 'max-age=5' } : {}).end(`answer ${count}`)
    },
    { ttl: '1 minute', negative: { 404: '10s' } },
  )
  const twice = async (path: string, wait: number) => {
    const { body } = await quiet.ask(path)
    pass(wait)
    return (await quiet.ask(path)).body === body
  }
  assert.deepEqual(
    [
      await twice('/x', 59),
      await twice('/gone', 9),
      await twice('/gone', 11),
      await twice('/own', 6),
      await twice('/broken', 0),
    ],
    [true, true, false, false, false],
  )
  const forced = await startCached(t, answering({ 'cache-control': 'private, no-store', expires: '0' }), {
    ttl: '1 minute',
    override: true,
  })
  await forced.ask('/x')
  assert.equal((await forced.ask('/x')).body, 'answer 1')
})

test('a QUERY has its body in the key', async (t) => {
  const { ask, asked, backend } = await startCached(t, answering({ 'cache-control': MAX_AGE }), { methods: ['QUERY'] })
  const query = async (body: string, type = 'text/plain') =>
    (await ask('/x', { method: 'QUERY', body, headers: { 'content-type': type, 'content-length': body.length } })).body
  assert.deepEqual(
    [await query('a'), await query('b'), await query('a'), await query('a', 'application/sql')],
    ['answer 1', 'answer 2', 'answer 1', 'answer 3'],
  )
  assert.deepEqual(
    backend.received.map(({ body }) => String(body)),
    ['a', 'b', 'a'],
  )
  await ask('/x')
  await ask('/x')
  assert.equal(asked(), 5)
})

test('a HEAD that tells of other content puts out what is stored', async (t) => {
  const { pass } = clock(t)
  let etag = '"v1"'
  const { ask, asked } = await startCached(t, (_request, response, count) => {
    response.writeHead(200, { 'cache-control': MAX_AGE, etag, 'x-count': String(count) }).end('body')
  })
  await ask('/x')
  pass(61)
  assert.equal((await ask('/x', { method: 'HEAD' })).headers['x-count'], '2')
  const kept = await ask('/x')
  assert.deepEqual([kept.body, kept.headers['x-count'], asked()], ['body', '2', 2])
  pass(61)
  etag = '"v2"'
  await ask('/x', { method: 'HEAD' })
  assert.deepEqual([(await ask('/x')).headers['x-count'], asked()], ['4', 4])
})

test('without a cache nothing is said of one', async (t) => {
  const { ask, asked } = await startCached(t, answering({ 'cache-control': MAX_AGE }), false)
  assert.equal((await ask('/x')).headers['cache-status'], undefined)
  await ask('/x')
  assert.equal(asked(), 2)
})

test('early hints reach the client, once', async (t) => {
  const { url } = await startCached(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
    response.writeHead(200, { 'cache-control': MAX_AGE }).end('body')
  })
  const { request } = await import('node:http')
  const informed = async (): Promise<unknown[]> => {
    const seen: unknown[] = []
    const sent = request(`${url}/x`).end()
    sent.on('information', ({ statusCode, headers }) => seen.push([statusCode, headers.link]))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return seen
  }
  assert.deepEqual(await informed(), [[103, '</a.css>; rel=preload; as=style']])
  assert.deepEqual(await informed(), [])
})
