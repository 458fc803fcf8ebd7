import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { startCached } from '../cache/cached-gateway.ts'

/** A backend that puts whatever it believes into a page that may be stored. */
const gullible = (
  request: { method?: string; url?: string; headers: Record<string, unknown> },
  response: { writeHead(status: number, headers: object): { end(body: string): void } },
): void => {
  const names = [
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-forwarded-scheme',
    'x-forwarded-prefix',
    'x-forwarded-server',
    'x-host',
    'x-original-host',
    'x-original-url',
    'x-rewrite-url',
    'x-http-method-override',
    'x-method-override',
    'forwarded',
  ]
  const { 'x-forwarded-host': host } = request.headers
  response
    .writeHead(200, { 'cache-control': 'public, max-age=60', 'content-type': 'text/plain' })
    .end(JSON.stringify([request.url, host, Object.fromEntries(names.map((name) => [name, request.headers[name]]))]))
}

const POISON = 'evil.test'

test('no header of a stranger that is not part of the key changes what others get', async (t) => {
  const { ask, url } = await startCached(t, gullible as never)
  const { host } = new URL(url)
  for (const name of [
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-forwarded-scheme',
    'x-forwarded-prefix',
    'x-forwarded-server',
    'x-forwarded-ssl',
    'x-host',
    'x-original-host',
    'x-original-url',
    'x-rewrite-url',
    'x-http-method',
    'x-http-method-override',
    'x-method-override',
    'forwarded',
    'x_forwarded_host',
  ]) {
    const poisoned = await ask(`/${name}`, { headers: { [name]: POISON } })
    const clean = await ask(`/${name}`)
    assert.match(clean.headers['cache-status'] as string, /hit/, name)
    assert.equal(clean.body, poisoned.body)
    assert.ok(!clean.body.includes(POISON), `${name}: ${clean.body}`)
    assert.equal(JSON.parse(clean.body)[1], host)
  }
})

test('each host has responses of its own', async (t) => {
  const { ask } = await startCached(t, gullible as never)
  await ask('/x', { headers: { host: POISON } })
  assert.ok(!(await ask('/x')).body.includes(POISON))
})

test("a response to a host in another spelling is nobody else's, since the service is told of the spelling", async (t) => {
  for (const preserveHost of [true, false]) {
    for (const trustProxy of [[], ['127.0.0.1']]) {
      // a service that redirects to the right spelling would redirect everybody forever
      const { ask, asked } = await startCached(
        t,
        ((request: IncomingMessage, response: ServerResponse) => {
          response.writeHead(200, { 'cache-control': 'public, max-age=60' })
          response.end(
            JSON.stringify([request.headers.host, request.headers['x-forwarded-host'], request.headers.forwarded]),
          )
        }) as never,
        true,
        { preserveHost },
        { trustProxy },
      )
      const spellings = ['WWW.x.test', 'www.x.test', 'www.X.test', 'www.x.test.', 'www.x.test:80']
      for (const host of spellings) {
        const first = await ask('/x', { headers: { host } })
        assert.equal(JSON.parse(first.body)[1], host)
        assert.equal((await ask('/x', { headers: { host } })).body, first.body)
      }
      assert.equal(asked(), spellings.length)
      // one URL all the same: what a change purges is purged in every spelling
      const before = asked()
      await ask('/x', { method: 'POST', headers: { host: 'www.x.test' } })
      for (const host of spellings.slice(0, 3)) await ask('/x', { headers: { host } })
      assert.equal(asked(), before + 4)
    }
  }
})

test('what a trusted proxy says of host and scheme is part of the key', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never, true, {}, { trustProxy: ['127.0.0.1'] })
  await ask('/x', { headers: { 'x-forwarded-host': 'a.test' } })
  assert.equal(JSON.parse((await ask('/x', { headers: { 'x-forwarded-host': 'b.test' } })).body)[1], 'b.test')
  await ask('/x', { headers: { 'x-forwarded-host': 'b.test', 'x-forwarded-proto': 'https' } })
  assert.equal(asked(), 3)
})

test('content of a GET is neither stored nor answered from what is stored', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never)
  const fat = { body: 'callback=evil', headers: { 'content-length': 13 } }
  await ask('/x', fat)
  await ask('/x')
  await ask('/x', fat)
  await ask('/x', { body: 'callback=evil', headers: { 'transfer-encoding': 'chunked' } })
  assert.equal(asked(), 4)
})

test('spellings of a path that differ for the upstream are not one key', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never)
  const paths = ['/a%2Fb', '/a/b', '/a%252Fb', '/a?b', '/a%3Fb', '/A/b', '/a/b?x', '/a/b?x=']
  for (const path of paths) {
    const [got] = JSON.parse((await ask(path)).body)
    assert.equal(got, path)
  }
  assert.equal(asked(), paths.length)
})

test('a parameter that does not count never reaches the upstream, however it is written', async (t) => {
  const { ask } = await startCached(t, gullible as never, { key: { query: { allow: ['page'] } } })
  for (const query of ['?page=1&evil=1', '?evil=1&page=1', '?%65vil=1&page=1', '?page=1&evil', '?page=1&&evil=2']) {
    assert.match((await ask(`/x${query}`)).body, /^\["\/x\?page=1/, query)
    assert.ok(!(await ask(`/x${query}`)).body.includes('evil'))
  }
})

test("what answers a range or is about one client at one moment is nobody else's", async (t) => {
  const { ask } = await startCached(t, (request, response) => {
    const status = Number(request.headers['x-status'] ?? 200)
    response.writeHead(status, { 'cache-control': 'public, max-age=60' }).end('content')
  })
  for (const status of [412, 416, 428, 429, 431, 511]) {
    assert.equal((await ask(`/${status}`, { headers: { 'x-status': status, range: 'bytes=99-' } })).status, status)
    assert.equal((await ask(`/${status}`)).status, 200, `${status}`)
  }
})

test('of a cookie in the key everything counts that an upstream could read', async (t) => {
  const { ask } = await startCached(
    t,
    (request, response) => {
      response.setHeader('cache-control', 'public, max-age=60').end(request.headers.cookie)
    },
    { key: { cookies: ['lang'] } },
  )
  for (const [i, cookie] of [
    'lang=en; lang=evil',
    'lang=evil; lang=en',
    'lang=%65n',
    'lang="en"',
    'lang=en ; lang="evil"',
  ].entries()) {
    await ask(`/${i}`, { headers: { cookie } })
    assert.equal((await ask(`/${i}`, { headers: { cookie: 'lang=en' } })).body, 'lang=en', cookie)
  }
})

test('another spelling of a header that tells responses apart does not reach the upstream', async (t) => {
  const seen = ['x-tenant', 'accept-language', 'x-device', 'content-type'].flatMap((name) => [
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
  ])
  const { ask } = await startCached(
    t,
    ({ headers }, response) => {
      response
        .setHeader('cache-control', 'public, max-age=60')
        .setHeader('vary', 'accept-language')
        .end(`${headers['x-tenant']} ${headers['api_key']} ${seen.map((name) => headers[name] ?? '').join('')}`)
    },
    { key: { headers: ['X-Tenant'] }, vary: ['x-device'] },
  )
  for (const name of seen) {
    await ask(`/${name}`, { headers: { 'x-tenant': 'a', api_key: '1', [name]: POISON } })
    assert.equal((await ask(`/${name}`, { headers: { 'x-tenant': 'a' } })).body, 'a 1 ', name)
  }
})

test('a header that Connection takes away before the upstream sees it counts for no other', async (t) => {
  const { ask, asked } = await startCached(
    t,
    (request, response) => {
      response
        .setHeader('cache-control', 'public, max-age=60')
        .setHeader('vary', 'accept-language')
        .end(`${request.headers['accept-language']} ${request.headers['x-tenant']}`)
    },
    { key: { headers: ['x-tenant'] } },
  )
  const own = { 'accept-language': 'de', 'x-tenant': 'a' }
  for (const connection of ['accept-language', 'keep-alive, X-Tenant', 'x-tenant, accept-language']) {
    assert.match((await ask('/x', { headers: { ...own, connection } })).headers['cache-status'] as string, /fwd=bypass/)
  }
  assert.equal((await ask('/x', { headers: own })).body, 'de a')
  assert.match(
    (await ask('/x', { headers: { ...own, connection: 'keep-alive, te' } })).headers['cache-status'] as string,
    /hit/,
  )
  assert.equal(asked(), 4)
})

test('how the content of a QUERY is to be read is part of the key', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never, { methods: ['GET', 'QUERY'] })
  for (const more of [
    {},
    { 'content-encoding': 'br' },
    { 'content-language': 'de' },
    { 'content-type': 'text/html' },
  ]) {
    await ask('/x', {
      method: 'QUERY',
      body: 'abc',
      headers: { 'content-type': 'text/plain', 'content-length': 3, ...more },
    })
  }
  assert.equal(asked(), 4)
})

test('what varies by that which the gateway itself tells of a client is not stored', async (t) => {
  for (const vary of ['X-Forwarded-For', 'accept, Forwarded']) {
    const { ask, asked } = await startCached(t, (_request, response) => {
      response.setHeader('cache-control', 'max-age=60').setHeader('vary', vary).end()
    })
    await ask('/x')
    await ask('/x')
    assert.equal(asked(), 2, vary)
  }
})

test('a field named __proto__ makes no other fields', async (t) => {
  const { ask } = await startCached(t, (request) => {
    request.socket.end(
      'HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n__proto__: a\r\n__proto__: b\r\ncontent-length: 1\r\n\r\nx',
    )
  })
  for (const name of ['first', 'second']) {
    const { headers } = await ask('/x')
    assert.deepEqual([headers['0'], headers['cache-control']], [undefined, 'max-age=60'], name)
  }
})
