import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { problemPage } from '../../src/listener/problem-page.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { startGateway, JWT_SECRET } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const HTML = /^text\/html; charset=utf-8$/
const JSON_TYPE = /^application\/problem\+json/

const files = (target: string, closed: string) => ({
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: [target],
    cors: { origins: ['https://app.example'] },
    timeouts: { firstByte: '200ms' },
    routes: [
      { method: 'GET', url: '/own' },
      { method: 'GET', url: '/slow' },
      { method: 'GET', url: '/locked', auth: { jwt: {} } },
      { method: 'GET', url: '/once', rateLimit: { max: 1, window: '1 minute' } },
      {
        method: 'POST',
        url: '/checked',
        bodyLimit: 10,
        schema: { body: { type: 'object', properties: { n: { type: 'integer' } } } },
      },
      {
        method: 'GET',
        url: '/query',
        schema: {
          querystring: { type: 'object', properties: { '<b>': { type: 'integer' } }, additionalProperties: false },
        },
      },
    ],
  },
  'b.json': { name: 'b', prefix: '/b', auth: 'none', targets: [closed], routes: [{ method: 'GET', url: '/' }] },
})

async function gateway(t: Parameters<typeof startGateway>[0]) {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    if (request.url === '/a/slow') return
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"own":true}')
  })
  return startGateway(t, files(backend.url, `http://127.0.0.1:${await closedPort()}`), { jwt: { secret: JWT_SECRET } })
}

describe('error answers', () => {
  test('are a page for browsers and JSON for others, for every reason', async (t) => {
    const { url } = await gateway(t)
    await fetch(`${url}/a/once`)
    for (const [path, status, code, init] of [
      ['/nope', 404, 'GW_NOT_FOUND', {}],
      ['/a/own', 405, 'GW_METHOD_NOT_ALLOWED', { method: 'DELETE' }],
      ['/a/%2e%2e/x;', 400, 'GW_BAD_PATH', {}],
      ['/a/%zz', 400, 'GW_BAD_PATH', {}],
      [`/a/${'x'.repeat(15_000)}`, 404, 'GW_NOT_FOUND', {}],
      ['/a/locked', 401, 'GW_UNAUTHORIZED', {}],
      ['/a/once', 429, 'GW_RATE_LIMITED', {}],
      [
        '/a/checked',
        413,
        'GW_BODY_TOO_LARGE',
        { method: 'POST', body: 'x'.repeat(11), headers: { 'content-type': 'application/json' } },
      ],
      [
        '/a/checked',
        400,
        'GW_VALIDATION',
        { method: 'POST', body: '{"n":"x"}', headers: { 'content-type': 'application/json' } },
      ],
      [
        '/a/checked',
        415,
        'GW_UNSUPPORTED_MEDIA_TYPE',
        { method: 'POST', body: 'x', headers: { 'content-type': 'image/png' } },
      ],
      ['/b', 502, 'GW_UPSTREAM_UNREACHABLE', {}],
      ['/a/slow', 504, 'GW_UPSTREAM_TIMEOUT', {}],
    ] as [string, number, string, RequestInit][]) {
      const ask = (accept: string) => fetch(url + path, { ...init, headers: { ...init.headers, accept } })
      const page = await ask(BROWSER)
      assert.equal(page.status, status, path)
      assert.match(page.headers.get('content-type')!, HTML, path)
      const body = await page.text()
      assert.ok(body.includes(code), path)
      assert.ok(body.includes(page.headers.get('x-request-id')!), 'the request id is shown')
      assert.ok(Buffer.byteLength(body) < 4096, `${Buffer.byteLength(body)} bytes`)
      assert.match(page.headers.get('vary')!, /\bAccept\b/)
      assert.equal(page.headers.get('cache-control'), 'no-store')
      for (const accept of ['*/*', 'application/json']) {
        const document = await ask(accept)
        assert.equal(document.status, status, path)
        assert.match(document.headers.get('content-type')!, JSON_TYPE, path)
        assert.match(document.headers.get('vary')!, /\bAccept\b/)
        assert.equal(((await document.json()) as { code: string }).code, code, path)
      }
    }
  })

  test('keep what else belongs to them', async (t) => {
    const { url } = await gateway(t)
    const locked = await fetch(`${url}/a/locked`, { headers: { accept: BROWSER, origin: 'https://app.example' } })
    assert.match(locked.headers.get('www-authenticate')!, /^Bearer/)
    assert.equal(locked.headers.get('access-control-allow-origin'), 'https://app.example')
    assert.match(locked.headers.get('vary')!, /^Origin, Accept$/i)
    await fetch(`${url}/a/once`)
    const limited = await fetch(`${url}/a/once`, { headers: { accept: BROWSER } })
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
    const own = await fetch(`${url}/a/own`, { headers: { accept: BROWSER } })
    assert.deepEqual(await own.json(), { own: true }, 'an error of the service is passed on as it is')
  })

  test('HEAD has the fields of GET and no body', async (t) => {
    const { port } = await gateway(t)
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) =>
        rawRequest(port, `${method} /nope HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n`),
      ),
    )
    assert.equal(head!.body, '')
    assert.equal(head!.headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(head!.headers['content-length'], get!.headers['content-length'])
    assert.equal(head!.headers.vary, get!.headers.vary)
  })

  test('of requests that never reach a route are pages too', async (t) => {
    const { port } = await gateway(t)
    for (const [what, request, status] of [
      [
        'a header section that is too large',
        `GET / HTTP/1.1\r\nhost: x\r\nAccept: ${BROWSER}\r\ncookie: ${'c'.repeat(20_000)}\r\n\r\n`,
        431,
      ],
      ['no host', `GET / HTTP/1.1\r\naccept: ${BROWSER}\r\n\r\n`, 400],
      ['an unknown method', `CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\naccept: ${BROWSER}\r\n\r\n`, 501],
      ['another protocol', `DESCRIBE /x RTSP/1.0\r\nhost: x\r\naccept: ${BROWSER}\r\n\r\n`, 505],
    ] as const) {
      const page = await rawRequest(port, request)
      assert.equal(page.status, status, what)
      assert.equal(page.headers['content-type'], 'text/html; charset=utf-8', what)
      assert.equal(Number(page.headers['content-length']), Buffer.byteLength(page.body), what)
      assert.ok(page.body.includes(page.headers['x-request-id']!), what)
      const document = await rawRequest(port, request.replace(BROWSER, '*/*'))
      assert.equal(document.status, status, what)
      assert.match(document.headers['content-type']!, JSON_TYPE, what)
    }
  })

  test('a parser error in bytes of any kind still gets an answer', async (t) => {
    const { port } = await gateway(t)
    for (const bytes of [
      Buffer.from('\r\naccept:'),
      Buffer.concat([Buffer.from('GET / HTTP/1.1\r\naccept:'), Buffer.alloc(60_000, 32)]),
      Buffer.from([0xff, 0, 0x80, 10, 10]),
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.end(bytes)
      assert.match(await text(socket), /^HTTP\/1\.1 4\d\d |^$/)
    }
    assert.equal((await rawRequest(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')).status, 200)
  })
})

describe('the page', () => {
  const problem = {
    type: 'urn:gatehouse:error:GW_VALIDATION',
    title: 'Request does not match the schema',
    status: 400,
    detail: 'Correct it.',
    instance: '/x',
    code: 'GW_VALIDATION',
    requestId: 'r-1',
  }

  test('may load nothing and run nothing, and its style is the one that its policy names', async (t) => {
    const { url } = await gateway(t)
    const response = await fetch(`${url}/nope`, { headers: { accept: BROWSER } })
    const policy = response.headers.get('content-security-policy')!
    assert.match(
      policy,
      /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action 'none'$/,
    )
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    const body = await response.text()
    const style = /<style>([^<]*)<\/style>/.exec(body)![1]!
    assert.ok(policy.includes(createHash('sha256').update(style).digest('base64')))
    assert.doesNotMatch(body, /<script|\son\w+=|style=|https?:|src=/i)
    assert.equal((await fetch(`${url}/nope`)).headers.get('content-security-policy'), null)
  })

  test('escapes every value, of clients and of plugins', async (t) => {
    const hostile = '<script>alert(1)</script>"\'&\u0000</style>'
    const page = problemPage(
      {
        ...problem,
        title: hostile,
        detail: hostile,
        instance: hostile,
        code: hostile,
        requestId: hostile,
        [hostile]: hostile,
        list: [hostile],
        errors: [{ in: hostile, pointer: hostile, expected: hostile }],
      },
      hostile,
    )
    assert.doesNotMatch(page, /<script|<\/style>.*<\/style>|"'&/s)
    const { url } = await gateway(t)
    const response = await fetch(`${url}/a/query?%3Cb%3E=x`, { headers: { accept: BROWSER } })
    assert.equal(response.status, 400)
    const body = await response.text()
    assert.match(body, /query\/&lt;b&gt;/)
    assert.doesNotMatch(body, /<b>/)
    const port = Number(new URL(url).port)
    const raw = await rawRequest(port, 'GET /<img/src=x> HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n')
    assert.doesNotMatch(raw.body, /<img/)
  })

  test('names the credentials that are asked for, which only header fields do otherwise', async (t) => {
    const { url } = await gateway(t)
    const page = await (await fetch(`${url}/a/locked`, { headers: { accept: BROWSER } })).text()
    assert.match(
      page,
      /<p>Send valid credentials: a token \(Authorization: Bearer\)\. A browser does not send them by itself: use a program that does\.<\/p>/,
    )
    assert.doesNotMatch(page, /WWW-Authenticate/)
    const document = (await (await fetch(`${url}/a/locked`)).json()) as { detail: string }
    const textOf = (challenges?: string) =>
      /<h1>[^]*?<p>([^<]*)<\/p>/.exec(problemPage({ ...document }, undefined, challenges))![1]
    assert.equal(
      textOf('Bearer realm="a, Fake b", ApiKey realm="gatehouse", Bearer'),
      'Send valid credentials: a token (Authorization: Bearer) or an API key. A browser does not send them by itself: use a program that does.',
    )
    assert.equal(textOf('Basic realm="x", charset="UTF-8"'), 'Send valid credentials: name and password (HTTP Basic).')
    assert.match(textOf('Negotiate, Bearer')!, /: Negotiate or a token/)
    assert.match(textOf()!, /^Send valid credentials\. Ask the operator/)
    assert.match(textOf('x'.repeat(1e5))!, /^Send/)
    assert.match(
      problemPage({ ...document, detail: 'The token has expired.' }, undefined, 'Bearer'),
      /<p>The token has expired\.<\/p>/,
    )
  })

  test('lists violations, and what else the document has, to a bound', () => {
    const errors = Array.from({ length: 50 }, (_, i) => ({
      in: 'body',
      pointer: `/items/${i}`,
      expected: 'at least 1',
    }))
    const page = problemPage(
      { ...problem, errors, missing: ['orders:write', 'orders:read'], limit: 7, deep: { not: 'shown' } },
      '30',
    )
    assert.match(page, /<code>body\/items\/0<\/code>: expected at least 1/)
    assert.equal(page.match(/at least 1/g)!.length, 20)
    assert.match(page, /30 more/)
    assert.match(page, /orders:write, orders:read/)
    assert.match(page, /<dt>limit<\/dt><dd>7/)
    assert.doesNotMatch(page, /not.*shown/)
    assert.match(page, /30 s/)
    assert.ok(
      problemPage({ ...problem, detail: 'x'.repeat(1e6), instance: 'y'.repeat(1e6), more: 'z'.repeat(1e6) }).length <
        8192,
    )
  })
})
