import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test, type TestContext } from 'node:test'
import WebSocket from 'ws'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { settings as jwtSettings } from '../../auth/jwt/key-pairs.ts'
import { closedPort, startBackend, startRawBackend } from '../../support/backend.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'

/** Lets `session=<name>` and `Bearer <name>` in; others are sent to a login page. */
const decide: RequestListener = ({ headers }, response) => {
  const name =
    /session=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? /^Bearer (\w+)$/.exec(headers.authorization ?? '')?.[1]
  if (name === undefined) {
    response
      .writeHead(302, {
        location: 'https://login.example.com/?rd=1',
        'set-cookie': ['a=1; Path=/', 'b=2'],
        'x-internal': 'x',
        server: 'auth/1',
      })
      .end('<a>')
  } else if (name === 'mallory') response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>no</h1>')
  else {
    response
      .writeHead(200, { 'remote-user': name, 'remote-groups': 'staff, home', 'remote-email': `${name}@example.com` })
      .end('ignored')
  }
}

const bearer = (name: string) => ({ authorization: `Bearer ${name}` })

async function start(
  t: TestContext,
  {
    service = decide,
    forwardAuth = {},
    config = {},
    upstream = {},
  }: { service?: RequestListener | string; forwardAuth?: object; config?: ConfigInput; upstream?: object } = {},
) {
  const backend = await startBackend(t)
  const external = typeof service === 'string' ? { url: service, received: [] } : await startBackend(t, service)
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { forwardAuth: {} },
        passThrough: true,
        routes: [
          {
            method: 'GET',
            url: '/staff',
            auth: { forwardAuth: { groups: ['staff'], claims: { 'remote-email': { in: ['ada@example.com'] } } } },
          },
          { method: 'GET', url: '/admin', auth: { forwardAuth: { groups: ['admin'] } } },
          { method: 'GET', url: '/maybe', auth: { optional: { forwardAuth: {} } } },
          { method: 'GET', url: '/open', auth: 'none' },
          ...(config.jwt
            ? [
                { method: 'GET', url: '/either', auth: [{ jwt: {} }, { forwardAuth: {} }] },
                { method: 'GET', url: '/both', auth: { all: [{ jwt: {} }, { forwardAuth: {} }] } },
              ]
            : []),
        ],
        ...upstream,
      },
    },
    {
      ...config,
      forwardAuth: { url: `${external.url}/verify?x=1`, copyHeaders: ['Remote-User', 'Remote-Email'], ...forwardAuth },
    } as ConfigInput,
  )
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(gateway.url + path, { headers, method, redirect: 'manual' })
  return { ...gateway, backend, external, ask }
}

test("the service learns of the request what it was promised, in the gateway's own words", async (t) => {
  const { ask, external, port } = await start(t)
  assert.equal(
    (
      await ask(
        '/a/%62?c=%20',
        {
          cookie: 'session=ada',
          accept: 'text/html',
          'x-other': 'x',
          'x-forwarded-uri': '/forged',
          'x-forwarded-method': 'GET',
          'x-forwarded-for': '10.0.0.1',
          'x-forwarded-host': 'forged',
          'x-forwarded-proto': 'https',
        },
        'DELETE',
      )
    ).status,
    200,
  )
  const { method, url, headers } = external.received[0]!
  const { host, connection, ...told } = headers
  assert.deepEqual([method, url], ['GET', '/verify?x=1'])
  assert.deepEqual(told, {
    cookie: 'session=ada',
    accept: 'text/html',
    'x-forwarded-method': 'DELETE',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': `127.0.0.1:${port}`,
    'x-forwarded-uri': '/a/b?c=%20',
    'x-forwarded-for': '127.0.0.1',
  })
})

test('only a trusted proxy is believed about protocol and address, and about the host nobody', async (t) => {
  const { ask, external, port } = await start(t, { config: { trustProxy: ['127.0.0.1'] } })
  await ask('/a', {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'other.example.com',
  })
  const { headers } = external.received[0]!
  assert.deepEqual(
    [headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']],
    ['192.0.2.7', 'https', `127.0.0.1:${port}`],
  )
})

test('2xx lets in; the upstream gets the headers that were promised, and no forged ones', async (t) => {
  const { ask, backend } = await start(t, { forwardAuth: { withhold: { cookies: ['session'] } } })
  const forged = {
    'remote-user': 'root',
    'Remote-Email': 'root@example.com',
    'remote-groups': 'admin',
    remote_user: 'root',
  }
  assert.equal((await ask('/staff', { ...forged, ...bearer('ada'), cookie: 'session=ada; theme=dark' })).status, 200)
  assert.equal((await ask('/open', forged)).status, 200)
  const [closed, open] = backend.received
  const identity = (headers: object) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => /remote|authorization|cookie/.test(name)))
  assert.deepEqual(identity(closed!.headers), {
    'remote-user': 'ada',
    'remote-email': 'ada@example.com',
    cookie: 'theme=dark',
  })
  assert.deepEqual(identity(open!.headers), {})
})

test('the configuration has the last word on what the upstream gets', async (t) => {
  const { ask, backend } = await start(t, {
    config: { identityHeaders: { 'remote-user': 'scope' } },
    upstream: { requestHeaders: { remove: ['remote-email'] } },
  })
  await ask('/any', bearer('ada'))
  assert.deepEqual(
    [backend.received[0]!.headers['remote-user'], backend.received[0]!.headers['remote-email']],
    ['', undefined],
  )
  const set = await start(t, { upstream: { requestHeaders: { set: { 'remote-user': 'fixed' } } } })
  await set.ask('/any', bearer('ada'))
  assert.equal(set.backend.received[0]!.headers['remote-user'], 'fixed')
})

test('with forwardCredentials the upstream gets what was withheld', async (t) => {
  const { ask, backend } = await start(t, { upstream: { forwardCredentials: true } })
  await ask('/any', bearer('ada'))
  assert.equal(backend.received[0]!.headers.authorization, 'Bearer ada')
})

test("a refusal goes to the client as it is, without what is the service's own business", async (t) => {
  const { ask, backend } = await start(t)
  const login = await ask('/x')
  assert.deepEqual(
    [login.status, login.headers.get('location'), login.headers.getSetCookie(), await login.text()],
    [302, 'https://login.example.com/?rd=1', ['a=1; Path=/', 'b=2'], '<a>'],
  )
  assert.deepEqual(
    [login.headers.get('x-internal'), login.headers.get('server'), login.headers.get('cache-control')],
    [null, null, 'no-store'],
  )
  const refused = await ask('/x', bearer('mallory'))
  assert.deepEqual(
    [refused.status, refused.headers.get('content-type'), await refused.text()],
    [403, 'text/html', '<h1>no</h1>'],
  )
  assert.equal((await ask('/x', {}, 'HEAD')).status, 302)
  assert.equal((await ask('/admin', bearer('ada'))).status, 403, 'let in, but lacking a group')
  assert.equal(backend.received.length, 0)
})

test('an answer without a body, a challenge, and a time to wait', async (t) => {
  const { ask } = await start(t, {
    service: (_request, response) =>
      response.writeHead(429, { 'retry-after': '7', 'www-authenticate': ['Basic realm="x"', 'Bearer'] }).end(),
  })
  const response = await ask('/x')
  assert.deepEqual(
    [
      response.status,
      response.headers.get('retry-after'),
      response.headers.get('www-authenticate'),
      await response.text(),
    ],
    [429, '7', 'Basic realm="x", Bearer', ''],
  )
})

test('where it is optional, strangers come in as such', async (t) => {
  const { ask, backend } = await start(t)
  assert.equal((await ask('/maybe')).status, 200)
  assert.equal((await ask('/maybe', bearer('ada'))).status, 200)
  assert.deepEqual(
    backend.received.map(({ headers }) => headers['remote-user']),
    [undefined, 'ada'],
  )
})

test('in a list it takes whoever has nothing for the others; of all, its headers are added', async (t) => {
  const { ask, backend, external } = await start(t, {
    config: { jwt: { secret: JWT_SECRET }, identityHeaders: { 'x-user': 'sub' } },
  })
  const jwt = { authorization: `Bearer ${signToken(jwtSettings({ secret: JWT_SECRET }), { sub: 'eve' })}` }
  assert.equal((await ask('/either', jwt)).status, 200)
  assert.equal(external.received.length, 0)
  assert.equal((await ask('/either')).status, 302)
  assert.equal((await ask('/either', { cookie: 'session=ada' })).status, 200)
  assert.equal((await ask('/both', { ...jwt, cookie: 'session=ada' })).status, 200)
  assert.equal((await ask('/both', { cookie: 'session=ada' })).status, 401)
  assert.deepEqual(
    backend.received.map(({ headers }) => [headers['x-user'], headers['remote-user']]),
    [
      ['eve', undefined],
      ['ada', 'ada'],
      ['eve', 'ada'],
    ],
  )
})

test('nobody gets in while the service fails, and nothing is told of how', async (t) => {
  const broken = await startBackend(t, (_request, response) => response.writeHead(500).end('stack trace'))
  const huge = await startBackend(t, (_request, response) => response.writeHead(403).end(Buffer.alloc(2 ** 21)))
  const silent = await startRawBackend(t, () => {})
  for (const url of [broken.url, huge.url, silent.url, `http://127.0.0.1:${await closedPort()}`]) {
    const { ask, backend } = await start(t, { service: url, forwardAuth: { timeout: '200ms' } })
    for (const path of ['/x', '/maybe']) {
      const response = await ask(path, bearer('ada'))
      const text = await response.text()
      assert.deepEqual([response.status, JSON.parse(text).code], [503, 'GW_AUTH_UNAVAILABLE'], url)
      assert.doesNotMatch(text, /stack|127\.0\.0\.1/)
    }
    assert.equal(backend.received.length, 0)
  }
})

test('a verdict is remembered on wish only, and for the same request only', async (t) => {
  const fresh = await start(t)
  for (let i = 0; i < 2; i++) await fresh.ask('/x', bearer('ada'))
  assert.equal(fresh.external.received.length, 2)

  const { ask, external, backend } = await start(t, { forwardAuth: { cacheFor: '1 hour' } })
  const asked = async (...request: Parameters<typeof ask>) => {
    const before = external.received.length
    await ask(...request)
    return external.received.length - before
  }
  assert.equal(await asked('/x', bearer('ada')), 1)
  assert.equal(await asked('/x', bearer('ada')), 0)
  assert.equal(await asked('/y', bearer('ada')), 1)
  assert.equal(await asked('/x?q', bearer('ada')), 1)
  assert.equal(await asked('/x', bearer('ada'), 'POST'), 1)
  assert.equal(await asked('/x', { ...bearer('ada'), cookie: 'a=b' }), 1)
  assert.equal(await asked('/x', bearer('bob')), 1)
  assert.deepEqual(
    backend.received.map(({ headers }) => headers['remote-user']),
    ['ada', 'ada', 'ada', 'ada', 'ada', 'ada', 'bob'],
  )
  for (let i = 0; i < 2; i++) assert.equal(await asked('/x'), 1, 'refusals are not remembered')
})

test('by headers, a verdict holds for every path, unless it names nobody', async (t) => {
  // whoever asks for /public is let in, without a name
  const service: RequestListener = (request, response) =>
    request.headers['x-forwarded-uri'] === '/public' ? response.writeHead(204).end() : decide(request, response)
  const { ask, external } = await start(t, { service, forwardAuth: { cacheFor: '1 hour', cacheBy: 'headers' } })
  assert.equal((await ask('/x', bearer('ada'))).status, 200)
  assert.equal((await ask('/y', bearer('ada'), 'POST')).status, 200)
  assert.equal(external.received.length, 1)
  assert.equal((await ask('/public')).status, 200)
  assert.equal((await ask('/private')).status, 302)
})

test('names in UTF-8 arrive as they were, and groups are found in them', async (t) => {
  const { ask, backend } = await start(t, {
    service: (_request, response) =>
      response
        .writeHead(200, {
          'remote-user': Buffer.from('Łucja').toString('latin1'),
          'remote-groups': Buffer.from('staff|Żoliborz').toString('latin1'),
        })
        .end(),
    forwardAuth: { identity: { separator: '|' } },
    config: { identityHeaders: { 'x-user': 'sub', 'x-groups': 'remote-groups' } },
  })
  await ask('/x')
  const { headers } = backend.received[0]!
  assert.equal(Buffer.from(String(headers['remote-user']), 'latin1').toString(), 'Łucja')
  assert.deepEqual([headers['x-user'], headers['x-groups']], ['%C5%81ucja', 'staff|%C5%BBoliborz'])
})

test('WebSocket upgrades obey it too', async (t) => {
  const { port } = await start(t, { upstream: { passThrough: { websocket: true } } })
  const refusal = await rawRequest(
    port,
    'GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  assert.deepEqual([refusal.status, refusal.headers.location], [302, 'https://login.example.com/?rd=1'])
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.on('error', () => {})
  })
  socket.terminate()
  assert.equal(status, 302)
})

test('shown credentials that are refused count as failed attempts; having none, or an old cookie, does not', async (t) => {
  const { ask } = await start(t, { config: { failedAttempts: { max: 2, window: '1 hour' } } })
  for (let i = 0; i < 5; i++) assert.equal((await ask('/x', { cookie: 'session=' })).status, 302)
  assert.deepEqual(
    [
      (await ask('/x', bearer('-'))).status,
      (await ask('/x', bearer('?'))).status,
      (await ask('/x', bearer('!'))).status,
    ],
    [302, 302, 429],
  )
})

test('mistakes in the settings stop the boot', async (t) => {
  await assert.rejects(
    start(t, { forwardAuth: { requestHeaders: ['X-Forwarded-For'], copyHeaders: ['remote-user', 'Content-Length'] } }),
    /forwardAuth\.requestHeaders\[0\]: found "X-Forwarded-For"[^]*forwardAuth\.copyHeaders\[1\]: found "Content-Length"/,
  )
  await assert.rejects(start(t, { forwardAuth: { url: 'http://' } }), /forwardAuth\.url: is not a URL/)
})
