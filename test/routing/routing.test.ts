import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const named = (name: string, more: object) => ({
  name,
  auth: 'none',
  responseHeaders: { set: { 'x-upstream': name } },
  ...more,
})

async function ask(
  port: number,
  host: string,
  path: string,
  more = '',
): Promise<{ status: number; upstream: string | undefined; path: string | undefined }> {
  const response = await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${more}\r\n`)
  let forwarded: string | undefined
  try {
    forwarded = JSON.parse(response.body).path
  } catch {}
  return { status: response.status, upstream: response.headers['x-upstream'], path: forwarded }
}

test('routes by host: exact before wildcard before every host', async (t) => {
  const { url: target } = await startBackend(t)
  const { port } = await startGateway(t, {
    'exact.json': named('exact', {
      hosts: ['api.example.com'],
      targets: [target],
      routes: [{ method: 'GET', url: '/x' }],
    }),
    'wild.json': named('wild', {
      hosts: ['*.example.com'],
      targets: [target],
      routes: [
        { method: 'GET', url: '/x' },
        { method: 'GET', url: '/w' },
      ],
    }),
    'every.json': named('every', {
      targets: [target],
      routes: [
        { method: 'GET', url: '/x' },
        { method: 'GET', url: '/e' },
      ],
    }),
  })
  assert.deepEqual(await ask(port, 'api.example.com', '/x'), { status: 200, upstream: 'exact', path: '/x' })
  assert.deepEqual(await ask(port, 'API.Example.COM:8080', '/x?a=1'), {
    status: 200,
    upstream: 'exact',
    path: '/x?a=1',
  })
  assert.equal((await ask(port, 'api.example.com.', '/x')).upstream, 'exact')
  assert.equal((await ask(port, 'other.example.com', '/x')).upstream, 'wild')
  assert.equal((await ask(port, 'api.example.com', '/w')).upstream, 'wild')
  assert.equal((await ask(port, 'a.b.example.com', '/x')).upstream, 'every', 'the star stands for one label')
  assert.equal((await ask(port, 'example.com', '/x')).upstream, 'every')
  assert.equal((await ask(port, 'evilapi.example.com.attacker.test', '/x')).upstream, 'every')
  assert.equal((await ask(port, 'xapi.example.comx', '/w')).status, 404)
  assert.equal((await ask(port, 'api.example.com', '/e')).upstream, 'every')
  assert.equal((await ask(port, 'anything', '/w')).status, 404)
  assert.equal(
    (await ask(port, 'anything', '/.host-0/x')).status,
    400,
    "the internal form of a path is nobody's to use",
  )
})

test('a hundred hosts can share a path', async (t) => {
  const { url: target } = await startBackend(t)
  const files = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [
      `h${i}.json`,
      named(`h${i}`, { hosts: [`h${i}.test`], targets: [target], routes: [{ method: 'GET', url: '/*' }] }),
    ]),
  )
  const { port } = await startGateway(t, files)
  for (const i of [0, 31, 32, 99]) assert.equal((await ask(port, `h${i}.test`, '/some/where')).upstream, `h${i}`)
})

test('routes by header, the more conditions the better', async (t) => {
  const { url: target } = await startBackend(t)
  const route = (value: string, headers?: object) => ({
    method: 'GET',
    url: '/v',
    ...(headers ? { match: { headers } } : {}),
    responseHeaders: { set: { 'x-route': value } },
  })
  const { port } = await startGateway(t, {
    'a.json': named('a', {
      targets: [target],
      routes: [route('both', { 'X-Version': '2', 'x-beta': 'yes' }), route('two', { 'x-version': '2' }), route('any')],
    }),
  })
  const routed = async (more: string) =>
    (await rawRequest(port, `GET /v HTTP/1.1\r\nhost: x\r\n${more}\r\n`)).headers['x-route']
  assert.equal(await routed(''), 'any')
  assert.equal(await routed('x-version: 1\r\n'), 'any')
  assert.equal(await routed('x-version: 2\r\n'), 'two')
  assert.equal(await routed('x-version: 2\r\nx-beta: yes\r\n'), 'both')
})

test('strips prefixes, rewrites paths and redirects', async (t) => {
  const { url: target } = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': named('a', {
      hosts: ['h.test'],
      prefix: '/shop',
      stripPrefix: true,
      targets: [`${target}/base`],
      routes: [
        { method: 'GET', url: '/' },
        { method: 'GET', url: '/items/:id' },
        { method: 'GET', url: '/old/:id/*', rewritePath: '/v2/items/:id/rest/*' },
        { method: 'GET', url: '/moved/:id', redirect: { to: 'https://new.example/things/:id', status: 301 } },
      ],
    }),
  })
  assert.equal((await ask(port, 'h.test', '/shop')).path, '/base/')
  assert.equal((await ask(port, 'h.test', '/shop?x=1')).path, '/base/?x=1')
  assert.equal((await ask(port, 'h.test', '/shop/items/a%2Fb?x=%20')).path, '/base/items/a%2Fb?x=%20')
  assert.equal((await ask(port, 'h.test', '/shop/old/a%2Fb/c/d%3Fe?x=1')).path, '/base/v2/items/a%2Fb/rest/c/d%3Fe?x=1')
  assert.equal((await ask(port, 'h.test', '/shopping')).status, 404)
  const moved = await rawRequest(port, 'GET /shop/moved/a%20b?q=1 HTTP/1.1\r\nhost: h.test\r\n\r\n')
  assert.equal(moved.status, 301)
  assert.equal(moved.headers.location, 'https://new.example/things/a%20b?q=1')
})

test('sets, adds and removes headers both ways, the route after the upstream', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(200, { 'x-a': 'theirs', 'x-b': 'theirs', 'set-cookie': ['one=1', 'two=2'], vary: 'accept' })
      .end('{}')
  })
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      requestHeaders: { set: { 'X-One': 'upstream', 'x-two': 'upstream' }, remove: ['x-secret'] },
      responseHeaders: { remove: ['x-a'], add: { vary: 'origin', 'set-cookie': 'three=3' } },
      routes: [
        {
          method: 'GET',
          url: '/',
          requestHeaders: { set: { 'x-two': 'route' }, add: { 'x-list': 'b' } },
          responseHeaders: { set: { 'x-b': 'ours' } },
        },
      ],
    },
  })
  const response = await fetch(`${url}/`, { headers: { 'x-one': 'client', 'x-secret': 's', 'x-list': 'a' } })
  const { headers } = backend.received[0]!
  assert.equal(headers['x-one'], 'upstream')
  assert.equal(headers['x-two'], 'route')
  assert.equal(headers['x-secret'], undefined)
  assert.equal(headers['x-list'], 'a, b')
  assert.equal(response.headers.get('x-a'), null)
  assert.equal(response.headers.get('x-b'), 'ours')
  assert.equal(response.headers.get('vary'), 'accept, origin')
  assert.deepEqual(response.headers.getSetCookie(), ['one=1', 'two=2', 'three=3'])
})

test('takes absolute-form when it names the same host, and refuses it otherwise', async (t) => {
  const { url: target } = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': named('a', { targets: [target], routes: [{ method: 'GET', url: '/x' }] }),
  })
  const status = async (head: string) => (await rawRequest(port, `${head}\r\n\r\n`)).status
  assert.equal(await status('GET http://h.test/x HTTP/1.1\r\nhost: h.test'), 200)
  assert.equal(await status('GET http://evil.test/x HTTP/1.1\r\nhost: h.test'), 400)
  assert.equal(await status('GET http://h.test@evil.test/x HTTP/1.1\r\nhost: h.test'), 400)
  assert.equal(await status('GET /x HTTP/1.1\r\nhost: h.test\r\nhost: h.test'), 400)
  assert.equal(await status('GET /x HTTP/1.1\r\nhost: user@h.test'), 400)
  assert.equal(await status('GET /x HTTP/1.1\r\nhost: h.test/x'), 400)
  assert.equal(await status('GET /x HTTP/1.1'), 400)
})

test('a path without that method is 405 with those that it has, on the hosts that it has them', async (t) => {
  const { url: target } = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': named('a', {
      targets: [target],
      routes: [
        { method: ['GET', 'PUT'], url: '/x' },
        { method: 'POST', url: '/only' },
      ],
    }),
    'b.json': named('b', { hosts: ['b.test'], targets: [target], routes: [{ method: 'DELETE', url: '/x' }] }),
  })
  const allowed = async (host: string, method: string, path: string) => {
    const { status, headers } = await rawRequest(port, `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    return [status, headers.allow?.split(', ').sort().join()]
  }
  assert.deepEqual(await allowed('a.test', 'PATCH', '/x?y'), [405, 'GET,HEAD,PUT'])
  assert.deepEqual(await allowed('b.test', 'PATCH', '/x'), [405, 'DELETE,GET,HEAD,PUT'])
  assert.deepEqual(await allowed('a.test', 'GET', '/only'), [405, 'POST'])
  assert.deepEqual(await allowed('a.test', 'PATCH', '/x/y'), [404, undefined])
})
