import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import { get, startRecorder, UPGRADE } from '../security/wire.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { captureLog } from '../support/captured-log.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const passing = (targets: unknown[], more: object = {}) => ({
  'a.json': { name: 'a', prefix: '/app', auth: 'none', targets, passThrough: true, ...more },
})

test('forwards every undeclared path and method below the prefix', async (t) => {
  const backend = await startBackend(t)
  const { url, port } = await startGateway(
    t,
    passing([backend.url], {
      routes: [{ method: 'GET', url: '/declared', responseHeaders: { set: { 'x-declared': 'yes' } } }],
    }),
  )
  for (const path of ['/app', '/app/', '/app/x/y?z=%20&z=2', '/app/a%2Fb', '/app/caf%C3%A9']) {
    assert.equal((await fetch(url + path)).status, 200)
    assert.equal(backend.received.at(-1)!.url, path)
  }
  for (const method of ['PUT', 'DELETE', 'PATCH', 'POST', 'OPTIONS', 'PROPFIND', 'QUERY']) {
    const response = await rawRequest(
      port,
      `${method} /app/m HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-type: application/json\r\n\r\n{x}`,
    )
    assert.equal(response.status, 200, method)
    assert.equal(backend.received.at(-1)!.method, method)
    assert.equal(
      backend.received.at(-1)!.body.toString(),
      '{x}',
      "malformed JSON is none of the gateway's business here",
    )
  }
  assert.equal((await fetch(`${url}/app/declared`)).headers.get('x-declared'), 'yes')
  assert.equal((await fetch(`${url}/application`)).status, 404)
  assert.equal((await fetch(`${url}/`)).status, 404)
})

test('has the headers of the engine: forwarded, hop-by-hop, hidden backend', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response
      .writeHead(201, {
        server: 'x',
        'x-powered-by': 'y',
        location: `${backend.url}/app/new`,
        'set-cookie': ['a=1', 'b=2'],
        connection: 'x-hop',
        'x-hop': '1',
      })
      .end('made')
  })
  const { url } = await startGateway(t, passing([backend.url]))
  const response = await fetch(`${url}/app/x`, { headers: { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6' } })
  assert.equal(response.status, 201)
  assert.equal(response.headers.get('location'), '/app/new')
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
  for (const name of ['server', 'x-powered-by', 'x-hop']) assert.equal(response.headers.get(name), null, name)
  const { headers } = backend.received[0]!
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-real-ip'], undefined)
  assert.equal(headers.via, '1.1 gatehouse')
  assert.equal(headers['x-request-id'], response.headers.get('x-request-id'))
})

test('asks once: no retries on 503, whatever Retry-After says', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.writeHead(503, { 'retry-after': '1' }).end('busy')
  })
  const { url } = await startGateway(t, passing([backend.url]))
  const response = await fetch(`${url}/app/x`)
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.equal(await response.text(), 'busy')
  assert.equal(backend.received.length, 1)
})

test('answers errors as the engine does, and fails over', async (t) => {
  const backend = await startBackend(t)
  const dead = `http://127.0.0.1:${await closedPort()}`
  const both = await startGateway(t, passing([dead, backend.url]))
  for (let i = 0; i < 4; i++) assert.equal((await fetch(`${both.url}/app/x`)).status, 200)
  const none = await startGateway(t, passing([dead]))
  const response = await fetch(`${none.url}/app/x`)
  assert.equal(response.status, 502)
  assert.equal(((await response.json()) as { code: string }).code, 'GW_UPSTREAM_UNREACHABLE')
})

test('relays large bodies and HEAD', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 77 }).end()
    else request.pipe(response)
  })
  const { url, port } = await startGateway(t, passing([backend.url]))
  const body = Buffer.alloc(4 * 1024 * 1024, 'x')
  assert.deepEqual(Buffer.from(await (await fetch(`${url}/app/x`, { method: 'POST', body })).arrayBuffer()), body)
  const head = await rawRequest(port, 'HEAD /app/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  assert.equal(head.headers['content-length'], '77')
})

test('a pass-through at the root of a host', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', hosts: ['app.test'], auth: 'none', targets: [backend.url], passThrough: true },
  })
  const status = async (host: string, path: string) =>
    (await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).status
  assert.equal(await status('app.test', '/'), 200)
  assert.equal(await status('app.test', '/x/y'), 200)
  assert.deepEqual(
    backend.received.map(({ url }) => url),
    ['/', '/x/y'],
  )
  assert.equal(await status('other.test', '/x'), 404)
})

test('keeps an absolute URL inside a path and odd characters as they are', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, passing([backend.url]))
  for (const path of [
    "/app/a'b(c)*!",
    '/app/x%ZZ'.replace('%ZZ', '%5B%5D'),
    '/app/:8080/x',
    '/app/a|b'.replace('|', '%7C'),
  ]) {
    assert.equal((await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)).status, 200, path)
    assert.equal(backend.received.at(-1)!.url, path)
  }
})

test('leaves alone what a route guards, in any method and spelling that a backend may take for it', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(
    t,
    passing([backend.url], {
      routes: [
        { method: 'GET', url: '/admin', auth: { jwt: {} } },
        { method: 'GET', url: '/Admin/', auth: { jwt: {} } },
        { method: 'GET', url: '/users/:id/keys', auth: { jwt: { scopes: ['x'] } } },
        { method: 'GET', url: '/open' },
      ],
    }),
    { jwt: { secret: JWT_SECRET } },
  )
  const ask = async (method: string, path: string) =>
    (await rawRequest(port, `${method} ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)).status
  const refused = [
    ['POST', '/app/admin', 405],
    ['OPTIONS', '/app/admin', 405],
    ['PUT', '/app/users/7/keys', 405],
    ['GET', '/app/admin/', 404],
    ['GET', '/app/ADMIN', 404],
    ['DELETE', '/app/aDmin/?x', 404],
    ['GET', '/app/users/7/Keys/', 404],
    ['PUT', '/app/users/7%2Fkeys', 400],
    ['GET', '/app/Admin%3Bx', 400],
  ] as const
  for (const [method, path, status] of refused) assert.equal(await ask(method, path), status, `${method} ${path}`)
  assert.equal(backend.received.length, 0)
  for (const [method, path] of [
    ['POST', '/app/open'],
    ['GET', '/app/admin/x'],
    ['GET', '/app/admins'],
    ['GET', '/app/users/7'],
  ] as const) {
    assert.equal(await ask(method, path), 200, path)
  }
  assert.equal(await ask('GET', '/app/admin'), 401)
})

test('a pass-through under the same guard answers for the other methods', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(t, passing([backend.url], { routes: [{ method: 'GET', url: '/x' }] }))
  assert.equal((await fetch(`${url}/app/x`, { method: 'POST' })).status, 200)
})

test('includes WebSockets, unless the file switches them off', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    ...passing([backend.url]),
    'b.json': { name: 'b', prefix: '/own', targets: [backend.url], passThrough: { auth: 'none' } },
    'c.json': { name: 'c', prefix: '/off', auth: 'none', targets: [backend.url], passThrough: { websocket: false } },
  })
  const open = async (path: string): Promise<number> => (await rawRequest(port, get(path, UPGRADE))).status
  assert.equal(await open('/app/socket?x=1'), 101)
  assert.equal(await open('/own/socket'), 101)
  assert.equal(await open('/off/socket'), 400)
  assert.deepEqual(backend.targets(), ['UPGRADE /app/socket?x=1', 'UPGRADE /own/socket'])
})

test('a refused WebSocket is logged once, with the upstream and the field to set', async (t) => {
  const backend = await startRecorder(t)
  const plugin =
    "export default async (app) => { app.get('/own', { config: { auth: 'none' } }, (request, reply) => reply.forward('a')) }"
  const { port, app } = await startGateway(
    t,
    {
      ...passing([backend.url], { passThrough: { websocket: false }, routes: [{ method: 'GET', url: '/declared' }] }),
      'hand.mjs': plugin,
    },
    { log: { level: 'warn' } },
  )
  const log = captureLog(t, app)
  for (const [path, upstream, route, set] of [
    ['/app/socket', 'a', '/app/*', 'passThrough.websocket: true'],
    ['/app/declared', 'a', '/app/declared', 'websocket: true'],
    ['/own', 'a', '/own', "reply.forward('a', { websocket: true })"],
  ] as const) {
    log.lines.length = 0
    assert.equal((await rawRequest(port, get(path, UPGRADE))).status, 400)
    assert.equal(log.lines.length, 1, path)
    const [line] = log.lines as [Record<string, unknown>]
    assert.equal(line.upstream, upstream)
    assert.equal(line.route, route)
    assert.ok(String(line.msg).includes(set), String(line.msg))
  }
  log.lines.length = 0
  await rawRequest(port, get('/app/x'))
  assert.deepEqual(log.lines, [], 'other requests are not logged')
})

/** Values that are no media type, or that a strict reader refuses. */
const ODD_TYPES = [
  null,
  '',
  'text',
  'application/x-git-upload-pack-request',
  'application/vnd.api+json; charset=utf-8; charset=utf-16',
  'a/b; x=1; x=2',
  'text/plain;',
  'text/plain; charset',
  'text/html, application/json',
  '*/*',
  '/',
  ';',
  'text/',
  '/plain',
  'application/json; a="',
  'undefined',
  'null',
  'x'.repeat(4000),
  'text/caf\xe9',
  'a b/c d',
  'multipart/form-data',
]

test('forwards any Content-Type as it came, in every method', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(204).end())
  })
  const { port } = await startGateway(
    t,
    passing([backend.url], { routes: [{ method: ['POST', 'QUERY'], url: '/declared' }] }),
  )
  const send = async (method: string, path: string, type: string | null, body: string): Promise<void> => {
    const length = method === 'GET' && body === '' ? '' : `content-length: ${body.length}\r\n`
    const { status } = await rawRequest(
      port,
      `${method} ${path} HTTP/1.1\r\nhost: x\r\n${type === null ? '' : `content-type: ${type}\r\n`}${length}\r\n${body}`,
    )
    const what = `${method} ${path} with ${JSON.stringify(type?.slice(0, 50))} and ${body.length} bytes`
    assert.equal(status, 204, what)
    const { headers, body: arrived } = backend.received.at(-1)!
    assert.equal(headers['content-type'], type?.trim() ?? undefined, what)
    assert.equal(arrived.toString(), body, what)
  }
  for (const type of ODD_TYPES) {
    for (const body of ['', '{x}', 'y'.repeat(70_000)]) await send('POST', '/app/x', type, body)
  }
  for (const method of ['POST', 'QUERY']) for (const type of ODD_TYPES) await send(method, '/app/declared', type, '{x}')
  for (const method of METHODS) {
    if (!['CONNECT', 'TRACE', 'HEAD'].includes(method)) {
      for (const type of [null, 'text', 'a/b']) for (const body of ['', '{x}']) await send(method, '/app/x', type, body)
    }
  }
})

test('still refuses an odd Content-Type where a schema asks for one', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(
    t,
    passing([backend.url], {
      routes: [
        {
          method: 'POST',
          url: '/checked',
          schema: { body: { type: 'object' }, consumes: ['application/octet-stream', 'application/json'] },
        },
      ],
    }),
  )
  for (const type of ['text', '', 'a b/c', 'application/octet-stream, text/plain']) {
    const { status } = await rawRequest(
      port,
      `POST /app/checked HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\n{}`,
    )
    assert.equal(status, 415, type)
  }
  assert.equal(backend.received.length, 0)
})
