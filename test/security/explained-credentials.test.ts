import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { digestOf, indexOf } from '../../src/auth/api-key/api-key-hash.ts'
import { fieldOf, REDIS_KEYS } from '../../src/auth/api-key/api-key-store.ts'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { LoginCookies } from '../../src/auth/login/login-cookies.ts'
import type { LoginSettings } from '../../src/auth/login/login-schema.ts'
import { SessionSeal } from '../../src/auth/login/login-session.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { Authority, hasOpenssl } from '../auth/client-certificate/authority.ts'
import { SECRET, signedHeaders } from '../auth/http-signature/signer.ts'
import { needsRedis, startRedis, unhurried } from '../redis/redis-server.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { isAlive } from './wire.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 0 }
const HOST = 'gate.test'
const API_KEY = 'a-key-of-tests-0123456789abcdef0123456789'

/** Every scheme that needs no login page, and combinations; good credentials of each, and bad ones. */
async function start(t: TestContext, config: ConfigInput = {}) {
  const asked = { introspection: 0, forwardAuth: 0, backend: 0 }
  const introspection = await startBackend(t, async (request, response) => {
    asked.introspection++
    let body = ''
    for await (const chunk of request) body += chunk
    const active = new URLSearchParams(body).get('token') === 'opaque'
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(active ? { active, sub: 'ada' } : { active }))
  })
  const service = await startBackend(t, (request, response) => {
    asked.forwardAuth++
    if (request.headers.authorization === 'Custom good') response.writeHead(200, { 'remote-user': 'ada' }).end()
    else response.writeHead(302, { location: 'https://login.test/' }).end()
  })
  const backend = await startBackend(t, (_request, response) => {
    asked.backend++
    response.end('{}')
  })
  const schemes = ['jwt', 'introspection', 'forwardAuth', 'signature', 'apiKey', 'basic', 'clientCertificate']
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: [backend.url],
        rateLimit: { max: 2, window: '1 hour' },
        routes: [
          ...schemes.map((scheme) => ({ method: 'GET', url: `/${scheme}`, auth: { [scheme]: {} } })),
          { method: 'GET', url: '/all', auth: { all: [{ apiKey: {} }, { basic: {} }] } },
          { method: 'GET', url: '/any', auth: [{ jwt: {} }, { apiKey: {} }, { basic: {} }, { forwardAuth: {} }] },
          { method: 'GET', url: '/optional', auth: { optional: { basic: {} } } },
          { method: 'GET', url: '/scoped', auth: { basic: { scopes: ['never'] } } },
        ],
      },
    },
    {
      jwt: { secret: JWT_SECRET },
      introspection: {
        url: `${introspection.url}/introspect`,
        clientId: 'gate',
        clientSecret: 'a secret of the gateway',
      },
      forwardAuth: { url: `${service.url}/verify` },
      signatures: { keys: [{ keyid: 'k1', consumer: 'ada', secret: SECRET }], requireNonce: true },
      apiKeys: { keys: [{ name: 'ada', sha256: digestOf(API_KEY).toString('hex') }] },
      basic: { users: [{ name: 'ada', password: await hashPassword('secret') }] },
      clientCertificates: { fromProxy: true, consumers: [{ name: 'ada', subject: { CN: 'ada' } }] },
      trustProxy: ['127.0.0.1'],
      failedAttempts: { max: 3, window: '1 hour' },
      status: { path: '/status', auth: 'none' },
      ...config,
    } as ConfigInput,
  )
  const explain = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${gateway.url}/status/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'GET', url: path, headers: { host: HOST, ...headers } }),
    })
    const { lines } = (await response.json()) as { lines?: string[] }
    return { status: response.status, text: (lines ?? []).join('\n') }
  }
  return { ...gateway, asked, explain }
}

const basic = (pair: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
})
const signed = (path: string, more: object = {}): Record<string, string> =>
  signedHeaders({ path, host: HOST, parameters: ';nonce="n1"', ...more })

test('explains good and bad credentials of every scheme', async (t) => {
  const { explain, port, asked } = await start(t)
  const good: Record<string, Record<string, string>> = {
    jwt: { authorization: `Bearer ${signToken(jwt, { sub: 'ada', scopes: [] })}` },
    introspection: { authorization: 'Bearer opaque' },
    forwardAuth: { authorization: 'Custom good' },
    signature: signed('/signature'),
    apiKey: { 'x-api-key': API_KEY },
    basic: basic('ada:secret'),
    all: { ...basic('ada:secret'), 'x-api-key': API_KEY },
    any: basic('ada:secret'),
    optional: basic('ada:secret'),
  }
  for (const [route, headers] of Object.entries(good)) {
    const { status, text } = await explain(`/${route}`, headers)
    assert.equal(status, 200, route)
    assert.match(text, /auth +\S.*: passes as consumer "ada"/, route)
    assert.match(text, /→ forwarded to a /, route)
  }
  const bad: Record<string, [headers: Record<string, string>, outcome: RegExp]> = {
    jwt: [{ authorization: 'Bearer a.b.c' }, /→ answered 401 GW_UNAUTHORIZED$/],
    introspection: [{ authorization: 'Bearer other' }, /→ answered 401 GW_UNAUTHORIZED$/],
    forwardAuth: [{ authorization: 'Custom bad' }, /→ answered 302 GW_UNAUTHORIZED$/],
    signature: [signed('/other'), /→ answered 401 GW_UNAUTHORIZED$/],
    apiKey: [{ 'x-api-key': 'wrong' }, /→ answered 401 GW_UNAUTHORIZED$/],
    basic: [basic('ada:wrong'), /→ answered 401 GW_UNAUTHORIZED$/],
    clientCertificate: [{ 'client-cert': ':AAAA:' }, /→ answered 401 GW_UNAUTHORIZED$/],
    all: [{ ...basic('ada:wrong'), 'x-api-key': API_KEY }, /→ answered 401 GW_UNAUTHORIZED$/],
    any: [basic('ada:wrong'), /→ answered 401 GW_UNAUTHORIZED$/],
    optional: [basic('ada:wrong'), /→ forwarded to a /],
    scoped: [basic('ada:secret'), /→ answered 403 GW_FORBIDDEN$/],
  }
  for (const [route, [headers, outcome]] of Object.entries(bad)) {
    const { status, text } = await explain(`/${route}`, headers)
    assert.equal(status, 200, route)
    assert.match(text, outcome, route)
  }
  for (const route of [...Object.keys(good), 'scoped', 'clientCertificate']) {
    assert.equal((await explain(`/${route}`)).status, 200, route)
  }
  assert.ok(await isAlive(port))
  assert.equal(asked.backend, 0)
})

test('explaining counts no failure and no request, and uses no nonce up', async (t) => {
  const { explain, url } = await start(t)
  // far more than failedAttempts and the rate limit allow
  for (let i = 0; i < 8; i++) {
    assert.match((await explain('/basic', basic(`ada:wrong${i}`))).text, /→ answered 401/)
    assert.match((await explain('/apiKey', { 'x-api-key': `wrong${i}` })).text, /→ answered 401/)
    assert.match((await explain('/signature', signed('/signature'))).text, /→ forwarded/)
  }
  assert.equal((await fetch(`${url}/basic`, { headers: basic('ada:secret') })).status, 200)
  // the same nonce is still good for one real request, and after it for none
  const { port } = new URL(url)
  const wire = `GET /signature HTTP/1.1\r\n${Object.entries({ host: HOST, ...signed('/signature') })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
  assert.equal((await rawRequest(Number(port), wire)).status, 200)
  assert.match((await explain('/signature', signed('/signature'))).text, /→ answered 401/)
})

test('explaining with a key does not make it one that was seen at an address', async (t) => {
  const { explain, url } = await start(t)
  assert.match((await explain('/apiKey', { 'x-api-key': API_KEY })).text, /→ forwarded/)
  for (let i = 0; i < 3; i++) await fetch(`${url}/apiKey`, { headers: { 'x-api-key': `wrong${i}` } })
  // a key that has been used from here before would pass; this one has not
  assert.equal((await fetch(`${url}/apiKey`, { headers: { 'x-api-key': API_KEY } })).status, 429)
})

test('what an operator hands in that no client could send is 400, in words', async (t) => {
  const { url, port } = await start(t)
  const ask = async (body: object) => {
    const response = await fetch(`${url}/status/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return {
      status: response.status,
      problem: (await response.json()) as { code: string; errors?: { pointer: string }[] },
    }
  }
  for (const [field, body] of [
    ['/url', { method: 'GET', url: '/a\nb', headers: {} }],
    ['/url', { method: 'GET', url: '\n', headers: {} }],
    ['/url', { method: 'GET', url: '/a\u2028b', headers: {} }],
    ['/url', { method: 'GET', url: '/a b', headers: {} }],
    ['/url', { method: 'GET', url: '/\0', headers: {} }],
    ['/method', { method: 'GET\n', url: '/', headers: {} }],
    ['/method', { method: '', url: '/', headers: {} }],
    ['/method', { method: 'A B', url: '/', headers: {} }],
    ['/headers', { method: 'GET', url: '/', headers: { 'a b': 'x' } }],
    ['/headers', { method: 'GET', url: '/', headers: { '': 'x' } }],
    ['/headers', { method: 'GET', url: '/', headers: { 'x-a': 'b\r\nc: d' } }],
    ['/headers', { method: 'GET', url: '/', headers: { 'x-a': 'b\0' } }],
    ['/headers', { method: 'GET', url: '/', headers: { ':authority': 'x' } }],
  ] as const) {
    const { status, problem } = await ask(body)
    assert.deepEqual([status, problem.code], [400, 'GW_VALIDATION'], JSON.stringify(body))
    assert.ok(
      problem.errors!.some(({ pointer }) => pointer.startsWith(field)),
      `${JSON.stringify(body)}: ${JSON.stringify(problem)}`,
    )
  }
  // odd, but a client could send it
  for (const body of [
    { method: 'GET', url: '', headers: {} },
    { method: 'GET', url: '?x=1', headers: {} },
    { method: 'GET', url: 'http://x.test', headers: {} },
    { method: 'GET', url: 'http://x.test?x', headers: {} },
    { method: 'GET', url: 'http://', headers: {} },
    { method: 'OPTIONS', url: '*', headers: {} },
    { method: 'CONNECT', url: 'x:443', headers: {} },
    { method: 'get', url: '/basic', headers: {} },
    { method: 'NOSUCH', url: '/basic', headers: {} },
    { method: 'constructor', url: '/basic', headers: {} },
    { method: 'GET', url: '/%', headers: {} },
    { method: 'GET', url: '/%ff%00', headers: {} },
    { method: 'GET', url: '/__proto__', headers: {} },
    { method: 'GET', url: '/basic', headers: { host: '' } },
    { method: 'GET', url: '/basic', headers: { host: 'a b' } },
    { method: 'GET', url: '/basic', headers: { host: 'x', HOST: 'y' } },
    { method: 'GET', url: '/basic', headers: { constructor: 'x', hasownproperty: 'y' } },
    { method: 'GET', url: '/basic', headers: { authorization: '' } },
    { method: 'GET', url: '/all', headers: { authorization: '\xff', cookie: ';;==' } },
    { method: 'GET', url: '/signature', headers: { 'signature-input': ';;;(', signature: '\xe4' } },
  ]) {
    assert.equal((await ask(body)).status, 200, JSON.stringify(body))
  }
  assert.ok(await isAlive(port))
})

test(
  'a certificate that a proxy hands on is explained as that of a request from the proxy',
  { skip: !hasOpenssl && process.env.CI !== 'true' },
  async (t) => {
    const { explain } = await start(t)
    const certificate = `:${new X509Certificate(new Authority(t).sign('/CN=ada').cert).raw.toString('base64')}:`
    assert.match(
      (await explain('/clientCertificate', { 'client-cert': certificate })).text,
      /clientCertificate.*: passes as consumer "ada"/,
    )
  },
)

test('a session is explained without being refreshed, and no browser is sent anywhere', async (t) => {
  const settings = {
    issuer: 'http://127.0.0.1:1',
    clientId: 'c',
    clientSecret: 's',
    sessionSecret: 'a secret for sessions of tests, long enough',
  }
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    {
      'a.json': { name: 'a', auth: { login: {} }, targets: [backend.url], routes: [{ method: 'GET', url: '/home' }] },
    },
    { login: settings, status: { path: '/status', auth: 'none' } } as ConfigInput,
  )
  // due for a refresh, which would need the issuer, and that does not exist
  const now = Date.now()
  const consumer = { id: 'ada', scheme: 'login' as const, scopes: [], groups: [], claims: { sub: 'ada' } }
  const session = {
    id: 'x',
    generation: 0,
    started: now,
    used: now,
    consumer,
    refreshToken: 'once',
    refreshFrom: now - 1000,
    freshUntil: now - 500,
  }
  const login = gateway.app.config.login as LoginSettings
  const sealed = new SessionSeal(login).seal(session)
  const explain = async (headers: Record<string, string>) => {
    const response = await fetch(`${gateway.url}/status/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'GET', url: '/home', headers: { host: HOST, ...headers } }),
    })
    assert.equal(response.status, 200)
    return ((await response.json()) as { lines: string[] }).lines.join('\n')
  }
  const cookie = new LoginCookies(login).names.find((name) => !name.startsWith('__'))!
  assert.match(await explain({ cookie: `${cookie}=1${sealed}` }), /passes as consumer "ada"/)
  assert.match(await explain({ cookie: `${cookie}=1x${sealed}` }), /→ answered 401 GW_UNAUTHORIZED$/)
  assert.match(await explain({ accept: 'text/html' }), /→ answered 503 GW_AUTH_UNAVAILABLE$/)
})

test('keys in Redis are explained like others', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  unhurried(t)
  const client = new Redis(port, '127.0.0.1')
  t.after(() => client.disconnect())
  const digest = digestOf(API_KEY)
  const entry = { name: 'ada', sha256: digest.toString('hex') }
  await client.hset(REDIS_KEYS, fieldOf(indexOf(digest)), JSON.stringify(entry))
  const { app, explain } = await start(t, { redis: `redis://127.0.0.1:${port}`, apiKeys: { redis: true } })
  if (app.redis!.status !== 'ready') {
    await new Promise<void>((resolve) => {
      app.redis!.once('ready', () => resolve())
    })
  }
  assert.match((await explain('/apiKey', { 'x-api-key': API_KEY })).text, /passes as consumer "ada"/)
  assert.match((await explain('/apiKey', { 'x-api-key': 'wrong' })).text, /→ answered 401/)
})
