import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type ConfigInput } from '../../src/config/config-schema.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const APP = 'https://app.example.com'
const route = (url: string, more: object = {}) => ({ method: ['GET', 'PUT'], url, ...more })

async function start(t: TestContext, declaration: object, config: ConfigInput = {}) {
  const backend = await startBackend(t, (request, response) => {
    request.resume().on('end', () =>
      response
        .writeHead(200, {
          vary: 'Accept',
          'access-control-allow-origin': '*',
          'access-control-allow-credentials': 'true',
          'x-total': '3',
        })
        .end('{}'),
    )
  })
  const gateway = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], ...declaration } },
    { jwt: { secret: JWT_SECRET }, ...config },
  )
  /** What a browser learns: status, and the CORS headers of the answer. */
  const ask = async (method: string, path: string, headers: Record<string, string>) => {
    const response = await fetch(gateway.url + path, { method, headers })
    await response.text()
    const told: Record<string, string | number> = { status: response.status }
    for (const [name, value] of response.headers) {
      if (name.startsWith('access-control') || name === 'vary') told[name] = value
    }
    return told
  }
  const preflight = (path: string, origin: string, method = 'PUT', headers = 'content-type') =>
    ask('OPTIONS', path, { origin, 'access-control-request-method': method, 'access-control-request-headers': headers })
  return { ...gateway, backend, ask, preflight }
}

const cors = { origins: [APP, 'https://*.pages.example'], credentials: true, exposedHeaders: ['x-total'] }

test('preflights are answered before authentication and limits, for the routes that have a policy', async (t) => {
  const { preflight, backend, ask, url } = await start(t, {
    auth: { jwt: {} },
    cors,
    rateLimit: { max: 1, window: '1h', by: 'address' },
    routes: [route('/x'), route('/closed', { cors: false })],
  })
  const allowed = {
    status: 204,
    'access-control-allow-origin': APP,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'content-type',
    'access-control-max-age': '600',
    vary: 'Origin, Access-Control-Request-Headers',
  }
  for (let i = 0; i < 3; i++) assert.deepEqual(await preflight('/x', APP), allowed)
  assert.equal(
    (await preflight('/x', 'https://a.pages.example'))['access-control-allow-origin'],
    'https://a.pages.example',
  )
  for (const origin of [
    'https://evil.example',
    'https://app.example.com.evil.example',
    'http://app.example.com',
    'https://a.b.pages.example',
    'https://evil.example/.pages.example',
    'null',
  ]) {
    const refused = await preflight('/x', origin)
    assert.deepEqual(
      [
        refused['access-control-allow-origin'],
        refused['access-control-allow-credentials'],
        refused['access-control-allow-methods'],
      ],
      [undefined, undefined, undefined],
      origin,
    )
    assert.match(String(refused.vary), /Origin/)
  }
  assert.equal((await preflight('/x', APP, 'DELETE')).status, 405, 'no route, no preflight')
  assert.equal((await preflight('/y', APP)).status, 404)
  assert.equal((await preflight('/closed', APP)).status, 405)
  assert.equal(
    (await ask('OPTIONS', '/.preflight/x', { origin: APP, 'access-control-request-method': 'PUT' })).status,
    400,
  )
  assert.equal(backend.received.length, 0)
  const authorization = `Bearer ${signToken({ secret: JWT_SECRET } as never, { sub: 'ada', scopes: [], expiresIn: '1h' })}`
  assert.equal((await fetch(`${url}/x`, { headers: { authorization } })).status, 200, 'nothing was counted')
})

test('answers tell who may read them, errors of the gateway too, and the upstream has no say', async (t) => {
  const { ask } = await start(t, {
    cors,
    routes: [route('/x'), route('/secret', { auth: { jwt: {} }, rateLimit: { max: 2, window: '1h', by: 'address' } })],
    passThrough: true,
  })
  const readable = {
    'access-control-allow-origin': APP,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'x-total',
  }
  assert.deepEqual(await ask('GET', '/x', { origin: APP }), { status: 200, ...readable, vary: 'Origin, Accept' })
  assert.deepEqual(await ask('GET', '/else', { origin: APP }), { status: 200, ...readable, vary: 'Origin, Accept' })
  assert.deepEqual(await ask('GET', '/secret', { origin: APP }), { status: 401, ...readable, vary: 'Origin, Accept' })
  await ask('GET', '/secret', { origin: APP })
  assert.deepEqual(await ask('GET', '/secret', { origin: APP }), { status: 429, ...readable, vary: 'Origin, Accept' })
  for (const headers of [{ origin: 'https://evil.example' }, {}] as Record<string, string>[]) {
    assert.deepEqual(await ask('GET', '/x', headers), { status: 200, vary: 'Origin, Accept' })
  }
})

test('an answer of the gateway to a broken upstream can be read', async (t) => {
  const { ask } = await start(t, {
    targets: [`http://127.0.0.1:${await closedPort()}`],
    cors: { origins: '*' },
    routes: [route('/x')],
  })
  assert.deepEqual(await ask('GET', '/x', { origin: 'https://any.example' }), {
    status: 502,
    'access-control-allow-origin': '*',
    vary: 'Accept',
  })
})

test('without a policy the upstream speaks for itself, and answers OPTIONS', async (t) => {
  const { ask, preflight, backend } = await start(t, {
    routes: [{ method: ['GET', 'OPTIONS'], url: '/x' }],
    passThrough: { auth: 'none' },
  })
  assert.equal((await ask('GET', '/x', { origin: APP }))['access-control-allow-origin'], '*')
  assert.equal((await preflight('/x', APP)).status, 200)
  assert.equal((await preflight('/else', APP)).status, 200)
  assert.deepEqual(
    backend.received.map(({ method, url }) => `${method} ${url}`),
    ['GET /x', 'OPTIONS /x', 'OPTIONS /else'],
  )
})

test('the gateway states a policy for all, hand-written routes too, and methods and headers can be fixed', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        prefix: '/a',
        hosts: ['a.test'],
        auth: 'none',
        targets: [backend.url],
        routes: [route('/x')],
      },
      'b.mjs': 'export default async (app) => { app.get("/b", { config: { auth: "none" } }, async () => "b") }',
    },
    { cors: { origins: [APP], methods: ['GET', 'PUT'], headers: ['x-a', 'x-b'], maxAge: '1 minute' } },
  )
  const preflight = async (path: string, host: string) => {
    const { status, headers } = await rawRequest(
      Number(new URL(url).port),
      `OPTIONS ${path} HTTP/1.1\r\nhost: ${host}\r\norigin: ${APP}\r\naccess-control-request-method: GET\r\naccess-control-request-headers: x-c\r\n\r\n`,
    )
    return [
      status,
      headers['access-control-allow-methods'],
      headers['access-control-allow-headers'],
      headers['access-control-max-age'],
    ]
  }
  for (const [path, host] of [
    ['/a/x', 'a.test'],
    ['/b', 'other.test'],
  ] as const) {
    assert.deepEqual(await preflight(path, host), [204, 'GET, PUT', 'x-a, x-b', '60'])
  }
  assert.equal((await preflight('/a/x', 'other.test'))[0], 404)
})

test('WebSockets are opened by pages that are allowed alone', async (t) => {
  const backend = await startBackend(t)
  backend.server.on('upgrade', (_request, socket) =>
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n',
    ),
  )
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      cors: { origins: [APP] },
      routes: [{ method: 'GET', url: '/live', websocket: true }],
    },
  })
  const open = async (more: string) =>
    (
      await rawRequest(
        port,
        `GET /live HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n${more}\r\n`,
      )
    ).status
  assert.equal(await open(`origin: ${APP}\r\n`), 101)
  assert.equal(await open(''), 101)
  assert.equal(await open('origin: https://evil.example\r\n'), 403)
})

test('pages of the site itself open WebSockets without an entry in the list', async (t) => {
  const backend = await startBackend(t)
  backend.server.on('upgrade', (_request, socket) =>
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n',
    ),
  )
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      cors: { origins: [APP] },
      routes: [{ method: 'GET', url: '/live', websocket: true }],
    },
  })
  const open = (more: string) =>
    rawRequest(
      port,
      `GET /live HTTP/1.1\r\nhost: A.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n${more}\r\n`,
    )
  // behind a proxy that ends TLS and does not say so the scheme differs: what the browser says counts
  for (const own of [
    'origin: http://a.test\r\n',
    'origin: http://a.test\r\nsec-fetch-site: same-origin\r\n',
    'origin: https://a.test\r\nsec-fetch-site: same-origin\r\n',
  ]) {
    assert.equal((await open(own)).status, 101, own)
  }
  const others = [
    'origin: http://b.test\r\n',
    'origin: https://a.test\r\n',
    'origin: http://a.test:81\r\n',
    'origin: null\r\n',
    'origin: http://x.a.test\r\nsec-fetch-site: same-site\r\n',
    'origin: http://b.test\r\nx-forwarded-host: b.test\r\n',
    'origin: http://b.test\r\nforwarded: host=b.test\r\n',
    'origin: http://b.test\r\nsec-fetch-site: cross-site\r\n',
  ]
  for (const other of others) {
    const { status, body } = await open(other)
    assert.equal(status, 403, other)
    assert.match(body.toString(), /GW_ORIGIN_REFUSED/)
  }
})

test('mistakes are told', async (t) => {
  await assert.rejects(
    start(t, { cors: { origins: '*', credentials: true }, routes: [route('/x')] }),
    /a\.json: cors\.credentials: credentials cannot be allowed to every page/,
  )
  await assert.rejects(
    start(t, { cors: { origins: ['https://App.example.com/'] }, routes: [route('/x')] }),
    /a\.json: cors\.origins\[0\]: found "https:\/\/App\.example\.com\/", allowed: origin in lower case/,
  )
})
