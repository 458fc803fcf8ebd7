import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { settings as jwtSettings } from '../../auth/jwt/key-pairs.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'

const client = { clientId: 'gate', clientSecret: 'a secret of the gateway' }

/** An authorization server: it knows two tokens, and only answers the gateway. */
async function authorizationServer(
  t: TestContext,
  tokens: Record<string, object> = {
    reader: { sub: 'ada', scope: 'a:read' },
    writer: { sub: 'bob', scope: 'a:read a:write' },
  },
) {
  const known = `Basic ${Buffer.from(`gate:${new URLSearchParams({ '': client.clientSecret }).toString().slice(1)}`).toString('base64')}`
  const server = await startBackend(t, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (request.headers.authorization !== known) {
      response.writeHead(401).end()
      return
    }
    const found = tokens[new URLSearchParams(body).get('token')!]
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(found ? { active: true, ...found } : { active: false }))
  })
  return { ...server, url: `${server.url}/introspect`, asked: () => server.received.length }
}

async function start(t: TestContext, introspection: ConfigInput['introspection'], config: ConfigInput = {}) {
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { introspection: { scopes: ['a:read'] } },
        routes: [
          { method: 'GET', url: '/read' },
          { method: 'GET', url: '/write', auth: { introspection: { scopes: ['a:write'] } } },
          { method: 'GET', url: '/maybe', auth: { optional: { introspection: {} } } },
          ...(config.jwt
            ? [
                { method: 'GET', url: '/either', auth: [{ jwt: {} }, { introspection: {} }] },
                { method: 'GET', url: '/jwt', auth: { jwt: {} } },
              ]
            : []),
        ],
      },
    },
    { introspection, identityHeaders: { 'x-user': 'sub' }, ...config },
  )
  const ask = (path: string, token?: string) =>
    fetch(gateway.url + path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  return { ...gateway, backend, ask }
}

test('an active token passes, once asked about, and stays with the gateway', async (t) => {
  const server = await authorizationServer(t)
  const { ask, backend } = await start(t, { url: server.url, ...client })
  for (let i = 0; i < 3; i++) assert.equal((await ask('/read', 'reader')).status, 200)
  assert.equal(server.asked(), 1)
  assert.deepEqual(
    [backend.received[0]!.headers['x-user'], backend.received[0]!.headers.authorization],
    ['ada', undefined],
  )
  assert.equal((await ask('/write', 'writer')).status, 200)
  const refused = await ask('/write', 'reader')
  assert.equal(refused.status, 403)
  assert.equal(
    refused.headers.get('www-authenticate'),
    'Bearer realm="gatehouse", error="insufficient_scope", scope="a:write"',
  )
})

test('without a token 401 says how to send one; unknown and malformed ones are answered alike', async (t) => {
  const server = await authorizationServer(t)
  const { ask, backend } = await start(t, { url: server.url, ...client })
  assert.equal((await ask('/read')).headers.get('www-authenticate'), 'Bearer realm="gatehouse"')
  const texts = await Promise.all(
    ['unknown', 'a b', '='].map(async (token) => {
      const response = await ask('/read', token)
      const { detail } = (await response.json()) as { detail: string }
      return `${response.status} ${response.headers.get('www-authenticate')} ${detail}`
    }),
  )
  assert.equal(new Set(texts).size, 1)
  assert.match(texts[0]!, /^401 Bearer realm="gatehouse", error="invalid_token"/)
  assert.equal((await ask('/maybe', 'unknown')).status, 200)
  assert.equal(backend.received.length, 1)
  assert.equal(backend.received[0]!.headers['x-user'], undefined)
})

test('of a list with jwt, tokens in the form of a JWT are for jwt, all others are asked about', async (t) => {
  const server = await authorizationServer(t)
  const { ask, backend } = await start(t, { url: server.url, ...client }, { jwt: { secret: JWT_SECRET } })
  assert.equal((await ask('/either', signToken(jwtSettings({ secret: JWT_SECRET }), { sub: 'eve' }))).status, 200)
  assert.equal((await ask('/either', 'a.b.c')).status, 401)
  assert.equal(server.asked(), 0)
  assert.equal((await ask('/either', 'reader')).status, 200)
  assert.equal((await ask('/either', 'a.b')).status, 401)
  assert.equal(server.asked(), 2)
  assert.deepEqual(
    backend.received.map(({ headers }) => headers['x-user']),
    ['eve', 'ada'],
  )
  const alone = await ask('/jwt', 'reader')
  assert.match(alone.headers.get('www-authenticate')!, /error="invalid_token"/)
  assert.equal(server.asked(), 2)
})

test('nobody gets in while nobody can be asked, and nothing is told of why', async (t) => {
  const refusing = await startBackend(t, (_request, response) => response.writeHead(401).end('internal detail'))
  const moved = await startBackend(t, (_request, response) => response.writeHead(307, { location: refusing.url }).end())
  for (const url of [`http://127.0.0.1:${await closedPort()}/x`, refusing.url, moved.url]) {
    const { ask, backend } = await start(t, { url, ...client })
    for (const path of ['/read', '/maybe']) {
      const response = await ask(path, 'reader')
      const text = await response.text()
      assert.deepEqual(
        [response.status, response.headers.has('retry-after'), JSON.parse(text).code],
        [503, true, 'GW_AUTH_UNAVAILABLE'],
      )
      assert.doesNotMatch(text, /internal|127\.0\.0\.1|secret|ECONN/)
    }
    assert.equal(backend.received.length, 0)
  }
})

test('an authorization server that is back is asked again, and one that hangs is given up', async (t) => {
  let hangs = true
  const server = await startBackend(t, (_request, response) => {
    if (!hangs) response.end('{"active":true,"sub":"ada","scope":"a:read"}')
  })
  const { ask } = await start(t, { url: server.url, ...client, timeout: '2s' })
  assert.equal((await ask('/read', 't')).status, 503)
  hangs = false
  assert.equal((await ask('/read', 't')).status, 200)
})

test('a bad token counts as a failed attempt, an unreachable server does not', async (t) => {
  const server = await authorizationServer(t)
  const { ask } = await start(t, { url: server.url, ...client }, { failedAttempts: { max: 2, window: '1 hour' } })
  assert.equal((await ask('/read', 'reader')).status, 200)
  const statuses = []
  for (const token of ['x', 'x', 'y']) statuses.push((await ask('/read', token)).status)
  assert.deepEqual(statuses, [401, 401, 429])
  assert.equal(server.asked(), 2, 'what is past the bound is not asked about')
  assert.equal((await ask('/read', 'reader')).status, 200, 'a known token still passes')
  const away = await start(
    t,
    { url: `http://127.0.0.1:${await closedPort()}/`, ...client },
    { failedAttempts: { max: 1, window: '1 hour' } },
  )
  for (let i = 0; i < 3; i++) assert.equal((await away.ask('/read', 'x')).status, 503)
})

test('mistakes in the settings stop the boot, and quote no secret', async (t) => {
  await assert.rejects(
    start(t, { url: 'http://me:secret@127.0.0.1/', ...client }),
    (error: Error) => /introspection\.url: has credentials/.test(error.message) && !error.message.includes('secret@'),
  )
  await assert.rejects(start(t, undefined), /asks for introspection, which is not configured: set introspection\.url/)
})
