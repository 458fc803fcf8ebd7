import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test, type TestContext } from 'node:test'
import { startCached } from '../cache/cached-gateway.ts'
import { startRecorder, UPGRADE } from '../security/wire.ts'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http-client.ts'
import { rawRequest } from '../support/raw-client.ts'

/** Addresses in the documents of the IETF; the proxies of these tests stand on this machine and in 10.0.0.0/8. */
const CLIENT = '203.0.113.7'
const trustProxy = ['127.0.0.1', '10.0.0.0/8']

/** A gateway behind a proxy that it trusts. @returns asks with what the proxy sends, and gives what the service gets */
async function startBehind(t: TestContext, upstream: object = {}, config: object = {}) {
  const backend = await startBackend(t)
  const { url, port } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: true, ...upstream } },
    { trustProxy, ...config },
  )
  const told = async (headers: Record<string, string>, path = '/x'): Promise<IncomingHttpHeaders> => {
    assert.equal((await ask(url + path, { headers: { host: 'inner.test', ...headers } })).status, 200)
    return backend.received.at(-1)!.headers
  }
  return { told, backend, url, port }
}

const about = ({
  forwarded,
  'x-forwarded-for': chain,
  'x-forwarded-proto': proto,
  'x-forwarded-host': host,
}: IncomingHttpHeaders) => ({ forwarded, chain, proto, host })

test('what a proxy states in X-Forwarded-* only, Forwarded states too', async (t) => {
  const { told } = await startBehind(t)
  assert.deepEqual(
    about(await told({ 'x-forwarded-for': CLIENT, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test' })),
    {
      forwarded: `for=${CLIENT};host="shop.test";proto=https, for=127.0.0.1`,
      chain: `${CLIENT}, 127.0.0.1`,
      proto: 'https',
      host: 'shop.test',
    },
  )
  assert.deepEqual(about(await told({ 'x-forwarded-proto': 'https' })), {
    forwarded: 'for=127.0.0.1;host="inner.test";proto=https',
    chain: '127.0.0.1',
    proto: 'https',
    host: 'inner.test',
  })
  assert.deepEqual(about(await told({})), {
    forwarded: 'for=127.0.0.1;host="inner.test";proto=http',
    chain: '127.0.0.1',
    proto: 'http',
    host: 'inner.test',
  })
})

test('what a proxy states in Forwarded only, X-Forwarded-* states too', async (t) => {
  const { told } = await startBehind(t)
  const rows: [given: string, expected: object][] = [
    [
      `for=${CLIENT};proto=https;host=shop.test`,
      {
        forwarded: `for=${CLIENT};host="shop.test";proto=https, for=127.0.0.1`,
        chain: `${CLIENT}, 127.0.0.1`,
        proto: 'https',
        host: 'shop.test',
      },
    ],
    [
      'For="[2001:db8::1]:4711";Host="shop.test:8443";PROTO=HTTPS;by=x',
      {
        forwarded: 'for="[2001:db8::1]";host="shop.test:8443";proto=https, for=127.0.0.1',
        chain: '2001:db8::1, 127.0.0.1',
        proto: 'https',
        host: 'shop.test:8443',
      },
    ],
    [
      'for=unknown, for=_hidden',
      {
        forwarded: 'for=unknown;host="inner.test";proto=http, for=_hidden, for=127.0.0.1',
        chain: 'unknown, _hidden, 127.0.0.1',
        proto: 'http',
        host: 'inner.test',
      },
    ],
    [
      'proto=https',
      {
        forwarded: 'for=127.0.0.1;host="inner.test";proto=https',
        chain: '127.0.0.1',
        proto: 'https',
        host: 'inner.test',
      },
    ],
    // what a client sends through a proxy that appends
    [
      `for=6.6.6.6;proto=https;host=evil.test, for=${CLIENT};proto=http;host=shop.test`,
      {
        forwarded: `for=6.6.6.6;host="shop.test";proto=http, for=${CLIENT}, for=127.0.0.1`,
        chain: `6.6.6.6, ${CLIENT}, 127.0.0.1`,
        proto: 'http',
        host: 'shop.test',
      },
    ],
    // two proxies that are both trusted: the one that the client has spoken to knows best
    [
      `for=${CLIENT};proto=https;host=shop.test, for=10.0.0.1;proto=http;host=middle.test`,
      {
        forwarded: `for=${CLIENT};host="shop.test";proto=https, for=10.0.0.1, for=127.0.0.1`,
        chain: `${CLIENT}, 10.0.0.1, 127.0.0.1`,
        proto: 'https',
        host: 'shop.test',
      },
    ],
    [
      `for=${CLIENT}, for=10.0.0.1;proto=https`,
      {
        forwarded: `for=${CLIENT};host="inner.test";proto=https, for=10.0.0.1, for=127.0.0.1`,
        chain: `${CLIENT}, 10.0.0.1, 127.0.0.1`,
        proto: 'https',
        host: 'inner.test',
      },
    ],
  ]
  for (const [given, expected] of rows) assert.deepEqual(about(await told({ forwarded: given })), expected, given)
  for (const broken of [
    'for',
    'for=',
    'for="',
    '=',
    'for=1.2.3.4 proto=https',
    'for=1.2.3.4;for=5.6.7.8',
    'for=1.2.3.4;proto="https',
    ',',
    'proto=https,;=',
    'for = 1.2.3.4',
  ]) {
    assert.deepEqual(
      about(await told({ forwarded: broken })),
      {
        forwarded: 'for=127.0.0.1;host="inner.test";proto=http',
        chain: '127.0.0.1',
        proto: 'http',
        host: 'inner.test',
      },
      broken,
    )
  }
})

test('where the two contradict, X-Forwarded-* counts', async (t) => {
  const { told } = await startBehind(t)
  const lies = 'for=6.6.6.6;proto=https;host=evil.test'
  assert.deepEqual(about(await told({ forwarded: lies, 'x-forwarded-for': CLIENT })), {
    forwarded: `for=${CLIENT};host="inner.test";proto=http, for=127.0.0.1`,
    chain: `${CLIENT}, 127.0.0.1`,
    proto: 'http',
    host: 'inner.test',
  })
  assert.deepEqual(about(await told({ forwarded: lies, 'x-forwarded-proto': 'http' })), {
    forwarded: 'for=127.0.0.1;host="inner.test";proto=http',
    chain: '127.0.0.1',
    proto: 'http',
    host: 'inner.test',
  })
  assert.deepEqual(about(await told({ forwarded: lies, 'x-forwarded-host': 'shop.test' })), {
    forwarded: 'for=127.0.0.1;host="shop.test";proto=http',
    chain: '127.0.0.1',
    proto: 'http',
    host: 'shop.test',
  })
})

test("of several values the nearest proxy's counts, and one that is not valid counts as none", async (t) => {
  const { told } = await startBehind(t)
  const told2 = async (name: string, value: string) => about(await told({ [name]: value }))
  for (const [given, proto] of [
    ['http, https', 'https'],
    ['https,http', 'http'],
    ['HTTPS', 'https'],
    ['wss', 'https'],
    ['ws', 'http'],
    ['gopher', 'http'],
    ['https://', 'http'],
    ['', 'http'],
    ['https;x', 'http'],
  ]) {
    const found = await told2('x-forwarded-proto', given!)
    assert.equal(found.proto, proto, given!)
    assert.equal(found.forwarded, `for=127.0.0.1;host="inner.test";proto=${proto}`)
  }
  for (const [given, host] of [
    ['evil.test, shop.test', 'shop.test'],
    ['shop.test:8443', 'shop.test:8443'],
    ['[::1]:80', '[::1]:80'],
    ['a/b', 'inner.test'],
    ['a"b', 'inner.test'],
    ['user@a', 'inner.test'],
    ['a b', 'inner.test'],
    ['a;proto=https', 'inner.test'],
    ['', 'inner.test'],
    ['a:99999999', 'inner.test'],
  ]) {
    const found = await told2('x-forwarded-host', given!)
    assert.equal(found.host, host, given!)
    assert.equal(found.forwarded, `for=127.0.0.1;host="${host}";proto=http`)
  }
  for (const [given, node] of [
    ['1.2.3.4:5678', '1.2.3.4'],
    ['[2001:db8::1]:80', '"[2001:db8::1]"'],
    ['2001:db8::1', '"[2001:db8::1]"'],
    ['a";host=evil', 'unknown'],
    ['x', 'unknown'],
  ]) {
    assert.equal(
      (await told2('x-forwarded-for', given!)).forwarded,
      `for=${node};host="inner.test";proto=http, for=127.0.0.1`,
      given!,
    )
  }
})

test('prefix and port of a trusted proxy are kept, and the prefix that is stripped here comes behind', async (t) => {
  const { told } = await startBehind(t, { prefix: '/a', stripPrefix: true })
  const kept = async (headers: Record<string, string>) => {
    const { 'x-forwarded-prefix': prefix, 'x-forwarded-port': port } = await told(headers, '/a/x')
    return [prefix, port]
  }
  assert.deepEqual(await kept({}), ['/a', undefined])
  assert.deepEqual(await kept({ 'x-forwarded-prefix': '/gw', 'x-forwarded-port': '8443' }), ['/gw/a', '8443'])
  assert.deepEqual(await kept({ 'x-forwarded-prefix': '/one/, /two' }), ['/one/two/a', undefined])
  assert.deepEqual(await kept({ 'x-forwarded-port': '80, 443' }), ['/a', '443'])
  assert.deepEqual(
    await kept({ 'x-forwarded-port': '443', 'x-forwarded-host': 'shop.test:8443' }),
    ['/a', undefined],
    'the host knows another',
  )
  for (const prefix of [
    '/',
    '//evil.test',
    '/a//b',
    'x',
    'https://evil.test',
    '/..',
    '/a/../b',
    '/%2e%2e',
    '/a\\b',
    '/a?b',
    '/a#b',
    '/a;b',
    '/a b',
    '/"',
    '/<x>',
    `/${'a'.repeat(2000)}`,
    '/ok, //evil.test',
  ]) {
    assert.equal((await kept({ 'x-forwarded-prefix': prefix }))[0], '/a', prefix)
  }
  for (const port of ['', '0', '65536', '-1', '80x', '1e3', '000080', ' ']) {
    assert.equal((await kept({ 'x-forwarded-port': port }))[1], undefined, port)
  }
  const plain = await startBehind(t)
  assert.equal((await plain.told({ 'x-forwarded-prefix': '/gw/' }))['x-forwarded-prefix'], '/gw')
})

test('nothing of it is believed from anybody else', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: { websocket: true }, sendRealIp: true },
    },
    { trustProxy: ['10.0.0.0/8'] },
  )
  const lies =
    'x-forwarded-prefix: /evil\r\nx-forwarded-port: 666\r\nx-forwarded-host: evil\r\nforwarded: for=6.6.6.6;host=evil;proto=https\r\nx-real-ip: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n'
  for (const upgrade of ['', UPGRADE]) await rawRequest(port, `GET /x HTTP/1.1\r\nhost: x\r\n${lies}${upgrade}\r\n`)
  assert.doesNotMatch(backend.wire(), /evil|666|6\.6\.6|https/)
  assert.equal(backend.wire().match(/^x-real-ip: 127\.0\.0\.1\r$/gim)?.length, 2)
})

test('X-Real-IP is sent where that is stated: the client as limits see it', async (t) => {
  const address = async (upstream: object, config: object, headers: Record<string, string>) => {
    const { told } = await startBehind(t, upstream, config)
    return (await told(headers))['x-real-ip']
  }
  const proxied = { 'x-forwarded-for': `6.6.6.6, ${CLIENT}, 10.0.0.1`, 'x-real-ip': '7.7.7.7' }
  assert.equal(await address({}, {}, proxied), undefined)
  assert.equal(await address({ sendRealIp: true }, {}, proxied), CLIENT)
  assert.equal(await address({}, { sendRealIp: true }, proxied), CLIENT)
  assert.equal(await address({ sendRealIp: false }, { sendRealIp: true }, proxied), undefined)
  assert.equal(await address({ sendRealIp: true }, {}, { 'x-real-ip': '7.7.7.7' }), '127.0.0.1')
  assert.equal(await address({ sendRealIp: true }, {}, { 'x-forwarded-for': `${CLIENT}:1234` }), CLIENT)
  assert.equal(await address({ sendRealIp: true }, {}, { forwarded: 'for="[2001:db8::1]:4711"' }), '2001:db8::1')
  assert.equal(await address({ sendRealIp: true }, {}, { 'x-forwarded-for': 'unknown' }), undefined)
  assert.equal(await address({ sendRealIp: true }, { trustProxy: [] }, proxied), '127.0.0.1')
  assert.equal(
    await address({ sendRealIp: true, requestHeaders: { set: { 'X-Real-IP': 'stated' } } }, {}, proxied),
    'stated',
  )
})

test("limits, HSTS and the gateway's own addresses follow what Forwarded states", async (t) => {
  const { url } = await startBehind(t, { rateLimit: { max: 1, window: '1 hour' }, securityHeaders: true })
  const from = (client: string, proto: string) =>
    ask(`${url}/x`, { headers: { forwarded: `for="${client}";proto=${proto}` } })
  const first = await from(CLIENT, 'https')
  assert.deepEqual([first.status, first.headers['strict-transport-security'] !== undefined], [200, true])
  assert.equal((await from(`${CLIENT}:99`, 'http')).status, 429)
  const other = await from('[2001:db8::1]:4711', 'http')
  assert.deepEqual([other.status, other.headers['strict-transport-security']], [200, undefined])
})

test('addresses in responses have the prefix that a trusted proxy has stripped', async (t) => {
  const fields = { location: '/items/5', link: '</items?page=2>; rel=next', 'set-cookie': 'id=1; Path=/' }
  const backend = await startBackend(t, (_request, response) => {
    response.writeHead(201, fields).end()
  })
  const seen = async (upstream: object, prefix: string, path: string) => {
    const { url } = await startGateway(
      t,
      { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], passThrough: true, ...upstream } },
      { trustProxy },
    )
    const {
      headers: { location, link, 'set-cookie': cookies },
    } = await ask(url + path, { headers: { 'x-forwarded-prefix': prefix } })
    return [location, link, ...cookies!]
  }
  assert.deepEqual(await seen({}, '/gw', '/x'), ['/gw/items/5', '</gw/items?page=2>; rel=next', 'id=1; Path=/gw'])
  assert.deepEqual(await seen({ prefix: '/a', stripPrefix: true }, '/gw', '/a/x'), [
    '/gw/a/items/5',
    '</gw/a/items?page=2>; rel=next',
    'id=1; Path=/gw/a',
  ])
  assert.deepEqual(
    await seen({}, '/items', '/x'),
    ['/items/5', '</items?page=2>; rel=next', 'id=1; Path=/items'],
    'a service that heeds the prefix',
  )
  assert.deepEqual(await seen({}, '//evil.test', '/x'), ['/items/5', '</items?page=2>; rel=next', 'id=1; Path=/'])
})

test('a stored response belongs to the prefix and port that the service has been told', async (t) => {
  const { ask: asks, asked } = await startCached(
    t,
    ((
      request: { headers: IncomingHttpHeaders },
      response: { writeHead(status: number, headers: object): { end(body: string): void } },
    ) => {
      response
        .writeHead(200, { 'cache-control': 'max-age=60' })
        .end(`${String(request.headers['x-forwarded-prefix'])} ${String(request.headers['x-forwarded-port'])}`)
    }) as never,
    true,
    {},
    { trustProxy },
  )
  const body = async (headers: Record<string, string>) => (await asks('/x', { headers })).body
  for (let i = 0; i < 2; i++) {
    assert.equal(await body({ 'x-forwarded-prefix': '/one' }), '/one undefined')
    assert.equal(await body({ 'x-forwarded-prefix': '/two', 'x-forwarded-port': '8443' }), '/two 8443')
    assert.equal(await body({ 'x-forwarded-port': '8443' }), 'undefined 8443')
    assert.equal(await body({}), 'undefined undefined')
  }
  assert.equal(asked(), 4)
})
