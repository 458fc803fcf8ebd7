import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { SessionSeal, unguessable } from '../../src/auth/login/login-session.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { settings as jwtSettings } from '../auth/jwt/key-pairs.ts'
import { needsRedis, startRedis, unhurried } from '../redis/redis-server.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { ask } from '../support/cookie-browser.ts'
import { eventually } from '../support/eventually.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

const issuer = `http://127.0.0.1:${await closedPort()}`
const login = { issuer, clientId: 'gateway', sessionSecret: 'a secret for sessions of tests, long enough' }

/** The cookie of a session that began an hour ago. */
function sessionCookie({ id = unguessable(), generation = 0 } = {}): { cookie: string } {
  const started = Date.now() - 3_600_000
  const sealed = new SessionSeal(login).seal({
    id,
    generation,
    started,
    used: Date.now(),
    refreshFrom: null,
    freshUntil: null,
    refreshToken: null,
    consumer: { id: 'ada', scheme: 'login', scopes: [], groups: [], claims: { sub: 'ada' } },
  })
  return { cookie: `gatehouse-session=1${sealed}` }
}

async function start(t: TestContext, config: ConfigInput = {}) {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { login: {} },
        routes: [
          { method: 'GET', url: '/page' },
          { method: 'GET', url: '/either', auth: [{ login: {} }, { jwt: {} }] },
          { method: 'GET', url: '/maybe', auth: { optional: { login: {} } } },
          { method: 'GET', url: '/live', websocket: true },
        ],
      },
    },
    { login, jwt: jwtSettings({ secret: JWT_SECRET }), ...config } as ConfigInput,
  )
  return async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    (await ask(url + path, { method, headers })).status
}

for (const method of ['GET', 'POST']) {
  test(`a copy of the session is worth nothing after a logout by ${method}`, async (t) => {
    const send = await start(t)
    const id = unguessable()
    const [copy, other] = [sessionCookie({ id }), sessionCookie()]
    assert.deepEqual([await send('/page', copy), await send('/page', other)], [200, 200])
    assert.equal(await send('/.login/logout', copy, method), 200)
    assert.equal(await send('/page', copy), 401)
    assert.equal(
      await send('/page', sessionCookie({ id, generation: 1 })),
      401,
      'what a refresh has made of it meanwhile neither',
    )
    assert.equal(
      await send('/live', {
        ...copy,
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
      }),
      401,
    )
    assert.equal(await send('/maybe', copy), 200, 'as an anonymous client')
    const token = signToken(jwtSettings({ secret: JWT_SECRET }), { sub: 'ada' })
    assert.equal(await send('/either', { ...copy, authorization: `Bearer ${token}` }), 200, 'other credentials count')
    assert.equal(await send('/page', other), 200, 'other sessions go on')
  })
}

test('a logout that other origins ask for ends nothing', async (t) => {
  const send = await start(t)
  const session = sessionCookie()
  assert.equal(await send('/.login/logout', { ...session, 'sec-fetch-site': 'cross-site' }), 403)
  assert.equal(await send('/.login/logout', { cookie: 'gatehouse-session=1forged' }), 200)
  assert.equal(await send('/page', session), 200)
})

test(
  'gateways that share a Redis share what has ended, and a session goes on while Redis is away',
  needsRedis,
  async (t) => {
    unhurried(t)
    const port = await closedPort()
    const redis = `redis://127.0.0.1:${port}`
    const away = await start(t, { redis })
    const local = sessionCookie()
    assert.equal(await away('/page', local), 200)
    assert.equal(await away('/.login/logout', local), 200)
    assert.equal(await away('/page', local), 401, 'this gateway knows')
    await startRedis(t, port)
    const [one, two] = [await start(t, { redis }), await start(t, { redis })]
    const own = new Redis(port)
    t.after(() => own.disconnect())
    const session = sessionCookie()
    // the first requests may come before the connection
    await eventually('a logout in Redis', async () => {
      const ended = sessionCookie()
      await one('/.login/logout', ended)
      return (await own.keys('{gatehouse}:ended-session:*')).length > 0 && (await two('/page', ended)) === 401
    })
    assert.equal(await one('/page', session), 200)
    assert.equal(await one('/.login/logout', session), 200)
    assert.equal(await two('/page', session), 401)
    await eventually('what has ended meanwhile is told once Redis is back', async () => {
      await away('/page', sessionCookie())
      return (await two('/page', local)) === 401
    })
    const keys = await own.keys('{gatehouse}:ended-session:*')
    for (const key of keys) {
      const left = await own.pttl(key)
      assert.ok(left > 0 && left <= 11 * 3_600_000, 'not longer than the session would have lasted')
    }
  },
)
