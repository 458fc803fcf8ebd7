import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, startRecorder, UPGRADE } from './wire.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const KEY = 'a-key-that-is-random-enough'

/** A gateway that knows every kind of credential; nobody asks the issuer of the login here. */
const schemes = {
  jwt: { secret: JWT_SECRET, token: { header: 'x-token', cookie: 'token', query: 'access_token' } },
  apiKeys: { header: 'x-api-key', query: 'api_key', cookie: 'key', keys: [{ name: 'ada', sha256: sha256(KEY) }] },
  basic: { users: [{ name: 'ada', password: await hashPassword('a password of tests') }] },
  login: { issuer: 'http://127.0.0.1:1', clientId: 'x', sessionSecret: 'a secret for sessions of tests, long enough' },
  identityHeaders: { 'x-user': 'sub' },
}

/**
 * The guarded routes whose credentials must not reach anybody else; another upstream names an identity header of its
 * own.
 */
const guarded = (target: string, hosts: object = {}) => ({
  'guarded.json': {
    name: 'guarded',
    prefix: '/guarded',
    targets: [target],
    ...hosts,
    identityHeaders: { x_role: 'role' },
    auth: [{ login: {} }, { jwt: {} }, { apiKey: {} }, { basic: {} }],
    routes: [{ method: 'GET', url: '/' }],
  },
})

const PLUGIN = (target: string): string => `
  export default async (app) => {
    const upstream = app.addUpstream({ name: 'by-hand', targets: ['${target}'] })
    app.get('/plain/hand', { config: { auth: 'none' } }, (request, reply) => reply.forward(upstream, { websocket: true }))
    app.get('/plain/url', { config: { auth: 'none' } }, (request, reply) => reply.forward(upstream, { path: request.url }))
  }`

/** Ways of forwarding whose routes read none of the credentials. */
const OPEN_WAYS = [
  '/open/declared',
  '/open/cached',
  '/open/optional',
  '/pass/x',
  '/pass-cached/x',
  '/plain/hand',
  '/plain/url',
  '/mirrored/x',
]

const openRoutes = (target: string, shadow: string, more: object = {}) => ({
  'open.json': {
    name: 'open',
    prefix: '/open',
    auth: 'none',
    targets: [target],
    ...more,
    routes: [
      { method: 'GET', url: '/declared', websocket: true },
      { method: 'GET', url: '/cached', cache: { ttl: '1 minute', cookies: 'share', clientControl: false } },
      { method: 'GET', url: '/optional', auth: { optional: { signature: {} } } },
    ],
  },
  'pass.json': {
    name: 'pass',
    prefix: '/pass',
    auth: 'none',
    targets: [target],
    passThrough: { websocket: true },
    ...more,
  },
  'pass-cached.json': {
    name: 'pass-cached',
    prefix: '/pass-cached',
    auth: 'none',
    targets: [target],
    passThrough: true,
    cache: { ttl: '1 minute' },
    ...more,
  },
  'mirrored.json': {
    name: 'mirrored',
    prefix: '/mirrored',
    auth: 'none',
    targets: [target],
    mirror: { targets: [shadow] },
    passThrough: true,
    ...more,
  },
  ...(Object.keys(more).length === 0 ? { 'plain.ts': PLUGIN(target) } : {}),
})

const signatures = { keys: [{ keyid: 'k', secret: 'a secret for signatures, long enough' }] }

const SESSION = [
  'gatehouse-session',
  'gatehouse-session.1',
  'gatehouse-session.2',
  'gatehouse-session-login',
  '__Host-gatehouse-session',
  '__Host-gatehouse-session.2',
  '__Host-gatehouse-session-login',
  '__Secure-gatehouse-session-hint',
]
const sessions = SESSION.map((name, i) => `${name}=session-secret-${i}`)
const IDENTITY = [
  'x-user: identity-secret',
  'X-USER: identity-secret',
  'x_user: identity-secret',
  'x-role: identity-secret',
  'X_Role: identity-secret',
  'x.role: identity-secret',
]

/** Lines by which each kind of credential may come, in several spellings. */
const SPELLINGS: [name: string, lines: string[], query?: string][] = [
  ['a session', [`cookie: theme=dark; ${sessions.join('; ')}`]],
  ['a session, spaced', [`Cookie: ${sessions.map((pair) => pair.replace('=', ' = ')).join(' ;\t')}`]],
  ['a session in several lines', sessions.map((pair) => `COOKIE: ${pair}`)],
  ['a session within quotes', [`cookie: a="; ${sessions.join('; ')}; b="`]],
  ['a session that Connection names', [`cookie: ${sessions.join('; ')}`, 'connection: cookie']],
  ['identity', IDENTITY],
  ['identity that Connection names', [...IDENTITY, 'connection: x-user, x_role']],
]
const CREDENTIALS: typeof SPELLINGS = [
  ['Authorization', ['authorization: Basic key-secret', 'Authorization: Bearer key-secret']],
  ['a header with a token', ['x-token: key-secret', 'X_Token: key-secret', 'X-TOKEN: key-secret']],
  [
    'a header with a key',
    ['x-api-key: key-secret', 'x_api_key: key-secret', 'X-Api_Key: key-secret', 'x-api-key: key-secret'],
  ],
  [
    'a header that Connection names',
    ['x-api-key: key-secret', 'connection: x-api-key, authorization', 'authorization: key-secret'],
  ],
  ['cookies', ['cookie: token=key-secret; key=key-secret; a=1', 'cookie: key = key-secret']],
  [
    'the query',
    [],
    '?api_key=key-secret&%61pi_key=key-secret&access%5Ftoken=key-secret&api%5fkey=key-secret&x=1&api_key=key-secret',
  ],
  ['the page it comes from', ['referer: http://x/page?api_key=key-secret&a=1']],
]

let sent = 0

/** Sends with and without an upgrade; each request has a URL of its own, so that none is answered from the cache. */
async function send(port: number, way: string, lines: string[], query = '', host = 'home.test'): Promise<void> {
  const more = lines.map((line) => `${line}\r\n`).join('')
  for (const kind of [more, ...(lines.some((line) => line.startsWith('connection')) ? [] : [more + UPGRADE])]) {
    const { status } = await rawRequest(port, get(`${way}${query || '?'}&n=${sent++}`, kind, '1.1', host))
    assert.ok([101, 200, 426, 400].includes(status), `${way} is answered ${status}`)
  }
}

async function start(t: TestContext, hosts: object = {}, more: object = {}) {
  const [backend, shadow] = [await startRecorder(t), await startRecorder(t)]
  const { port } = await startGateway(
    t,
    { ...guarded(backend.url, hosts), ...openRoutes(backend.url, shadow.url, more) },
    { ...schemes, signatures },
  )
  return { port, backend, shadow }
}

test('no way of forwarding lets sessions, identity or credentials of other routes reach an upstream', async (t) => {
  const { port, backend, shadow } = await start(t)
  for (const way of OPEN_WAYS) {
    for (const [name, lines, query] of [...SPELLINGS, ...CREDENTIALS]) {
      await t.test(`${way}: ${name}`, async () => {
        await send(port, way, lines, query)
        assert.doesNotMatch(backend.wire(), /secret/)
      })
    }
  }
  await eventually('copies', () => shadow.received.length >= 14)
  assert.doesNotMatch(shadow.wire(), /secret/)
  assert.match(backend.wire(), /theme=dark/, 'other cookies go on')
  assert.match(backend.wire(), /\?x=1&n=/, 'the rest of the query goes on')
})

test('a route that reads one scheme withholds what others of the host read', async (t) => {
  const backend = await startRecorder(t)
  const { app, port } = await startGateway(
    t,
    {
      ...guarded(backend.url),
      'jwt.json': {
        name: 'jwt',
        prefix: '/jwt',
        auth: { jwt: {} },
        targets: [backend.url],
        routes: [{ method: 'GET', url: '/x' }],
      },
    },
    schemes,
  )
  const token = `x-token: ${signToken(app.config.jwt!, { sub: 'ada', scopes: [] })}\r\n`
  const { status } = await rawRequest(
    port,
    get(
      '/jwt/x?api_key=key-secret',
      `${token}cookie: ${sessions.join('; ')}; key=key-secret\r\nauthorization: Basic key-secret\r\nx-user: identity-secret\r\n`,
    ),
  )
  assert.equal(status, 200)
  assert.doesNotMatch(backend.wire(), /secret|x-token/)
  assert.match(backend.wire(), /^x-user: ada\r$/m)
})

test('forwardCredentials lets credentials on, never sessions and identity', async (t) => {
  const { port, backend, shadow } = await start(t, {}, { forwardCredentials: true })
  for (const way of OPEN_WAYS.filter((way) => !way.startsWith('/plain'))) {
    for (const [, lines, query] of SPELLINGS) await send(port, way, lines, query)
    backend.received.splice(0)
    await rawRequest(
      port,
      get(`${way}?api_key=1`, 'authorization: Basic abc\r\nx-api-key: 2\r\nx-token: 3\r\ncookie: key=4; token=5\r\n'),
    )
    await eventually('the request', () => backend.received.length === 1)
    const [{ url, headers }] = backend.received as [(typeof backend.received)[0]]
    assert.match(url, /\?api_key=1$/)
    assert.deepEqual(
      [headers.authorization, headers['x-api-key'], headers['x-token'], headers.cookie],
      ['Basic abc', '2', '3', 'key=4; token=5'],
    )
  }
  assert.doesNotMatch(backend.wire() + shadow.wire(), /secret/)
})

test('credentials reach upstreams on hosts where nobody reads them; sessions and identity do not', async (t) => {
  for (const [guard, open, host, passes] of [
    [['home.test'], ['git.test'], 'git.test', true],
    [['home.test'], undefined, 'git.test', false],
    [undefined, ['git.test'], 'git.test', false],
    [['home.test', 'other.test'], ['git.test', 'other.test'], 'git.test', false],
    [['*.home.test'], ['git.home.test'], 'git.home.test', false],
    [['git.home.test'], ['*.home.test'], 'x.home.test', false],
    [['*.home.test'], ['*.home.test', 'a.test'], 'a.test', false],
    [['*.home.test'], ['git.test', 'home.test', 'a.b.home.test'], 'home.test', true],
  ] as const) {
    await t.test(`guarded on ${guard ?? 'all'}, open on ${open ?? 'all'}`, async (t) => {
      const { port, backend } = await start(t, { hosts: guard }, { hosts: open, description: 'on hosts of its own' })
      for (const [, lines, query] of SPELLINGS) await send(port, '/open/declared', lines, query, host)
      assert.doesNotMatch(backend.wire(), /secret/)
      for (const [, lines, query] of CREDENTIALS) await send(port, '/open/declared', lines, query, host)
      if (passes) {
        for (const text of [
          'authorization: Basic key-secret',
          'x-api-key: key-secret',
          'token=key-secret',
          '?api_key=key-secret',
        ]) {
          assert.ok(backend.wire().includes(text), text)
        }
      } else assert.doesNotMatch(backend.wire(), /secret/)
    })
  }
})

test('the service of forwardAuth is not told sessions, keys of other schemes or claimed identity', async (t) => {
  const backend = await startBackend(t)
  const service = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      ...guarded(backend.url),
      'asked.json': {
        name: 'asked',
        prefix: '/asked',
        auth: { forwardAuth: {} },
        targets: [backend.url],
        passThrough: true,
      },
    },
    {
      ...schemes,
      forwardAuth: {
        url: service.url,
        requestHeaders: ['authorization', 'cookie', 'X-User', 'x-api-key', 'remote-user'],
      },
    },
  )
  const { status } = await rawRequest(
    port,
    get(
      '/asked/x?a=1&%61pi_key=key-secret',
      `cookie: ${sessions.join('; ')}; key=key-secret; own=2\r\nx-user: identity-secret\r\nremote-user: identity-secret\r\nauthorization: Bearer theirs\r\nx-api-key: theirs-too\r\n`,
    ),
  )
  assert.equal(status, 200)
  assert.doesNotMatch(service.wire(), /secret/)
  const { headers } = service.received[0]!
  assert.deepEqual(
    [headers.cookie, headers.authorization, headers['x-api-key'], headers['x-forwarded-uri']],
    ['own=2', 'Bearer theirs', 'theirs-too', '/asked/x?a=1'],
  )
  assert.equal(backend.received.length, 1)
})
