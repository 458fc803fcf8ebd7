import assert from 'node:assert/strict'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { type Backend, closedPort, startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startCached } from '../cache/cached-gateway.ts'
import { get, startRecorder, UPGRADE } from '../security/wire.ts'

/** What a declared route and a pass-through of a gateway send as `Host` for a client that asks for `shop.test`. */
async function hostsSent(t: TestContext, upstream: object, config: object = {}): Promise<(string | undefined)[]> {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: [backend.url],
        passThrough: { websocket: true },
        routes: [{ method: 'GET', url: '/declared', websocket: true }],
        ...upstream,
      },
    },
    config,
  )
  for (const path of ['/declared', '/rest']) {
    assert.equal((await rawRequest(port, get(path, '', '1.1', 'shop.test'))).status, 200)
    assert.equal((await rawRequest(port, get(path, UPGRADE, '1.1', 'shop.test'))).status, 101)
  }
  const hosts = [...backend.wire().matchAll(/^host: (.*)\r$/gim)].map(([, host]) =>
    host === `127.0.0.1:${backend.port}` ? 'target' : host,
  )
  assert.equal(hosts.length, 4)
  return [...new Set(hosts)]
}

test("Host is the client's where hosts are stated, and otherwise as upstream, then gateway say", async (t) => {
  const hosts = ['shop.test']
  const cases: [upstream: object, config: object, sent: string][] = [
    [{}, {}, 'target'],
    [{ hosts }, {}, 'shop.test'],
    [{ hosts: ['*.test'] }, {}, 'shop.test'],
    [{ hosts, preserveHost: false }, {}, 'target'],
    [{ preserveHost: true }, {}, 'shop.test'],
    [{}, { preserveHost: true }, 'shop.test'],
    [{ hosts }, { preserveHost: false }, 'target'],
    [{ hosts, preserveHost: true }, { preserveHost: false }, 'shop.test'],
    [{ preserveHost: false }, { preserveHost: true }, 'target'],
  ]
  for (const [upstream, config, sent] of cases) {
    await t.test(JSON.stringify([upstream, config]), async (t) => {
      assert.deepEqual(await hostsSent(t, upstream, config), [sent])
    })
  }
})

test("a hand-written plugin inherits the gateway's word", async (t) => {
  const backend = await startBackend(t)
  const plugin = (more: string): string => `export default async (app) => {
    const upstream = app.addUpstream({ name: 'own', targets: ['${backend.url}'] ${more} })
    app.get('/x', { config: { auth: 'none' } }, (request, reply) => reply.forward(upstream))
  }`
  const sent = async (more: string, config: object): Promise<string | undefined> => {
    const { port } = await startGateway(t, { 'own.ts': plugin(more) }, config)
    assert.equal((await rawRequest(port, get('/x', '', '1.1', 'shop.test'))).status, 200)
    return backend.received.at(-1)!.headers.host
  }
  assert.equal(await sent('', {}), `127.0.0.1:${backend.port}`)
  assert.equal(await sent('', { preserveHost: true }), 'shop.test')
  assert.equal(await sent(', preserveHost: false', { preserveHost: true }), `127.0.0.1:${backend.port}`)
})

const shop = (targets: unknown[], more: object = {}) => ({
  'a.json': { name: 'a', hosts: ['shop.test'], auth: 'none', targets, passThrough: true, ...more },
})

test('the host goes to every target that a request is sent to, and port and letters stay as they came', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, shop([`http://127.0.0.1:${await closedPort()}`, backend.url]))
  for (const host of ['shop.test', 'SHOP.test', 'shop.test:8443', 'shop.test.']) {
    for (let i = 0; i < 2; i++) assert.equal((await rawRequest(port, get('/x', '', '1.1', host))).status, 200)
    assert.deepEqual(
      backend.received.splice(0).map(({ headers }) => headers.host),
      [host, host],
    )
  }
})

test('a target that speaks HTTP/2 gets it as :authority', async (t) => {
  const authorities: unknown[] = []
  const server = createServer()
  server.on('session', (session) => {
    session.on('error', () => {})
    t.after(() => session.destroy())
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    authorities.push(headers[':authority'], headers.host)
    stream.respond({ ':status': 204 }, { endStream: true })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
  })
  const { port } = await startGateway(
    t,
    shop([{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, http2: 'prior-knowledge' }]),
  )
  assert.equal((await rawRequest(port, get('/x', '', '1.1', 'shop.test'))).status, 204)
  assert.deepEqual(authorities, ['shop.test', undefined])
})

test('the shadow of a mirror gets the same host', async (t) => {
  const [backend, shadow] = [await startBackend(t), await startBackend(t)]
  const { port } = await startGateway(t, shop([backend.url], { mirror: { targets: [shadow.url] } }))
  assert.equal((await rawRequest(port, get('/x', '', '1.1', 'shop.test'))).status, 200)
  await eventually('the copy arrives', () => shadow.received.length === 1)
  assert.equal(shadow.received[0]!.headers.host, 'shop.test')
  const plain = await startGateway(t, shop([backend.url], { mirror: { targets: [shadow.url] }, preserveHost: false }))
  await rawRequest(plain.port, get('/x', '', '1.1', 'shop.test'))
  await eventually('the copy arrives', () => shadow.received.length === 2)
  assert.equal(shadow.received[1]!.headers.host, `127.0.0.1:${shadow.port}`)
})

test('a health check asks for the host of its target', async (t) => {
  const checks: Backend['received'] = []
  const backend = await startBackend(t, (request, response) => {
    if (request.url === '/health') checks.push({ headers: request.headers } as Backend['received'][number])
    request.resume()
    response.end()
  })
  await startGateway(t, shop([backend.url], { healthCheck: { path: '/health', interval: '1s' } }))
  await eventually('a check', () => checks.length > 0)
  assert.equal(checks[0]!.headers.host, `127.0.0.1:${backend.port}`)
})

test('a stored response belongs to the Host that the service has seen', async (t) => {
  const byHost = (
    request: { headers: { host?: string } },
    response: { writeHead(status: number, headers: object): { end(body: string): void } },
  ): void => {
    response
      .writeHead(200, { 'cache-control': 'public, max-age=60', 'content-type': 'text/plain' })
      .end(request.headers.host!)
  }
  const { ask } = await startCached(t, byHost as never, true, { preserveHost: true }, { trustProxy: ['127.0.0.1'] })
  const as = async (host: string): Promise<string> =>
    (await ask('/x', { headers: { host, 'x-forwarded-host': 'public.test' } })).body
  assert.equal(await as('one.test'), 'one.test')
  assert.equal(await as('two.test'), 'two.test')
})

test('no Host that is not valid reaches a service', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', preserveHost: true, targets: [backend.url], passThrough: true },
  })
  for (const host of [
    'a b',
    'a/b',
    'user@a',
    'a,b',
    'a:b',
    'a?b',
    'a#b',
    'a\tb',
    '[::1',
    '"a"',
    'a\x00b',
    'ä',
    'a%00',
  ]) {
    assert.equal((await rawRequest(port, get('/x', '', '1.1', host))).status, 400, JSON.stringify(host))
  }
  assert.deepEqual(backend.received, [])
})

test('a header rule states one Host for all targets, and addresses with it are addresses of the targets', async (t) => {
  const [backend, shadow] = [
    await startBackend(t, (request, response) => {
      request.resume()
      response
        .writeHead(200, { location: `http://fixed.test${request.url}`, 'set-cookie': 'id=1; Domain=fixed.test' })
        .end()
    }),
    await startBackend(t),
  ]
  const rules: [upstream: object, host: string][] = [
    [{ requestHeaders: { set: { Host: 'fixed.test' } } }, 'fixed.test'],
    [{ requestHeaders: { add: { host: 'fixed.test' } } }, 'fixed.test'],
    [{ requestHeaders: { set: { host: 'fixed.test' } }, preserveHost: true }, 'fixed.test'],
    [{ requestHeaders: { remove: ['Host'] } }, 'shop.test'],
  ]
  for (const [upstream, host] of rules) {
    const { port } = await startGateway(t, shop([backend.url], { mirror: { targets: [shadow.url] }, ...upstream }))
    const { status, headers } = await rawRequest(port, get('/x', '', '1.1', 'shop.test'))
    assert.equal(status, 200)
    assert.deepEqual(
      backend.received.splice(0).map(({ headers }) => headers.host),
      [host],
    )
    await eventually('the copy arrives', () => shadow.received.length === 1)
    assert.equal(shadow.received.splice(0)[0]!.headers.host, host)
    if (host === 'fixed.test') assert.deepEqual([headers.location, headers['set-cookie']], ['/x', 'id=1'])
  }
  const route = { method: 'GET', url: '/x', requestHeaders: { set: { host: 'route.test' } } }
  const { port } = await startGateway(
    t,
    shop([backend.url], { requestHeaders: { set: { host: 'fixed.test' } }, routes: [route] }),
  )
  await rawRequest(port, get('/x', '', '1.1', 'shop.test'))
  assert.equal(backend.received[0]!.headers.host, 'route.test')
  // no circle where a service sends http clients on to https
  const known = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      requestHeaders: { set: { host: 'fixed.test' } },
      passThrough: true,
    },
  })
  assert.equal(
    (await rawRequest(known.port, get('/x', '', '1.1', 'fixed.test'))).headers.location,
    'http://fixed.test/x',
  )
})
