import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { explain } from '../../src/admin/explain.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { JWT_SECRET, routesFolder, startGateway, testConfig } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 0 }

async function explained(
  t: TestContext,
  method: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const folder = await routesFolder(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      stripPrefix: true,
      targets: ['http://127.0.0.1:1/base'],
      auth: { jwt: { scopes: ['a:read'] } },
      rateLimit: { max: 5, window: '1 minute' },
      routes: [
        { method: 'GET', url: '/:id', schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } } },
        { method: 'GET', url: '/v', match: { headers: { 'x-version': '2' } }, auth: 'none', rewritePath: '/two' },
        { method: 'GET', url: '/old', auth: 'none', redirect: { to: '/a/new', status: 301 } },
        { method: 'POST', url: '/', auth: 'none', rateLimit: false, schema: { body: { type: 'object' } } },
      ],
    },
    'h.json': {
      name: 'h',
      hosts: ['*.h.test'],
      auth: 'none',
      targets: ['http://127.0.0.1:2', { url: 'http://127.0.0.1:3', priority: 1, maxConnections: 5 }],
      balance: { hash: { header: 'x-tenant' } },
      routes: [{ method: 'GET', url: '/a/:id' }],
    },
  })
  const app = await buildApp(testConfig(folder, { jwt }))
  t.after(() => app.close())
  return (await explain(app, { method, url, headers })).join('\n')
}

test('says what each stage would decide', async (t) => {
  const authorization = `Bearer ${signToken(jwt, { sub: 'me', scopes: ['a:read'] })}`
  const text = await explained(t, 'GET', 'http://any.test/a/5?x=1', { Authorization: authorization })
  assert.match(text, /route +GET \/a\/:id of a \(.*a\.json\)/)
  assert.match(text, /auth .*passes as consumer "me" with scopes a:read/)
  assert.match(text, /"upstream:a": 5 requests in 60 s, counted by consumer/)
  assert.match(text, /params: fits its schema/)
  assert.match(text, /forward +to a: \/5\?x=1/)
  assert.match(text, /target http:\/\/127\.0\.0\.1:1\/base, weight 1/)
  assert.match(text, /\n→ forwarded to a \(http:\/\/127\.0\.0\.1:1\/base\)$/)
  assert.match(text, /not GET \*\.h\.test\/a\/:id of h .*: it answers for \*\.h\.test only/)
})

test('explains limits by address before authentication, and other limits after it, as they run', async (t) => {
  const folder = await routesFolder(t, {
    'a.json': {
      name: 'a',
      targets: ['http://127.0.0.1:1'],
      auth: { jwt: {} },
      cors: { origins: ['https://page.test'] },
      rateLimit: [
        { max: 5, window: '1 minute', by: 'consumer' },
        { max: 7, window: '1 minute', by: 'address' },
      ],
      routes: [{ method: 'GET', url: '/x' }],
    },
  })
  const app = await buildApp(testConfig(folder, { jwt }))
  t.after(() => app.close())
  const lines = await explain(app, { method: 'GET', url: '/x', headers: {} })
  const explained = lines.flatMap((line) => /^(edge|auth|limits|contract|cache|forward) +(.*)$/.exec(line)?.[0] ?? [])
  assert.deepEqual(
    explained.map((line) =>
      line
        .replace(/ .*(5|7) requests.*/, ' $1')
        .split(/ +/, 2)
        .join(' '),
    ),
    [
      'edge path',
      'edge pages',
      'limits 7',
      'auth {"jwt":{}}:',
      'limits 5',
      'contract body:',
      'cache none',
      'forward to',
    ],
  )
})

test('says what would be refused, and why', async (t) => {
  assert.match(await explained(t, 'GET', '/a/x'), /auth .*401 GW_UNAUTHORIZED/)
  assert.match(await explained(t, 'GET', '/a/x'), /params: 400 GW_VALIDATION.*integer/)
  assert.match(await explained(t, 'GET', '/a/x'), /\n→ answered 401 GW_UNAUTHORIZED$/)
  assert.match(
    await explained(t, 'GET', '/a/x', { authorization: `Bearer ${signToken(jwt, { sub: 'me', scopes: ['a:read'] })}` }),
    /\n→ answered 400 GW_VALIDATION$/,
  )
  assert.match(
    await explained(t, 'GET', '/a/../x'),
    /edge +refused, 400 GW_BAD_PATH[^\n]*\n +an upstream with hosts of its own gets such paths[^\n]*\n→ answered 400 GW_BAD_PATH$/,
  )
  const none = await explained(t, 'DELETE', '/a/5')
  assert.match(none, /route +none for this method, 405 GW_METHOD_NOT_ALLOWED: allowed are GET, HEAD\n/)
  assert.match(none, /\n→ answered 405 GW_METHOD_NOT_ALLOWED$/)
  assert.match(none, /not GET \/a\/:id of a .*: its method is GET/)
  const weak = `Bearer ${signToken(jwt, { sub: 'me', scopes: ['other'] })}`
  assert.match(await explained(t, 'GET', '/a/5', { authorization: weak }), /403 GW_FORBIDDEN/)
})

test('follows hosts, header conditions, HEAD, redirects and the gateway itself', async (t) => {
  const balanced = await explained(t, 'GET', 'http://x.h.test/a/5')
  assert.match(balanced, /route +GET \*\.h\.test\/a\/:id of h/)
  assert.match(
    balanced,
    /balance: by hash of header x-tenant\n.*target http:\/\/127\.0\.0\.1:2, weight 1, Host.*\n.*:3, weight 1, priority 1, at most 5 at once[^\n]*\n +chosen, if all are well: http:\/\/127\.0\.0\.1:2\n/,
  )
  assert.match(await explained(t, 'HEAD', 'http://x.h.test/a/5'), /route +GET \*\.h\.test\/a\/:id of h/)
  const two = await explained(t, 'GET', '/a/v', { 'X-Version': '2' })
  assert.match(two, /route +GET \/a\/v of a/)
  assert.match(two, /forward +to a: \/two/)
  assert.match(await explained(t, 'GET', '/a/v'), /not GET \/a\/v of a .*: it wants x-version: 2/)
  assert.match(await explained(t, 'GET', '/a/old'), /redirect +301 \/a\/new\n→ answered 301, a redirect to \/a\/new$/)
  assert.match(await explained(t, 'GET', '/livez'), /answered by the gateway itself/)
  assert.match(
    await explained(t, 'POST', '/%61'),
    /path becomes \/a\n[\s\S]*body: application\/json, checked[\s\S]*\n→ forwarded to a \(\S+\), if its body fits the schema$/,
  )
})

test('says which route a request may mean that is refused for that', async (t) => {
  const folder = await routesFolder(t, {
    'all.json': { name: 'all', auth: 'none', targets: ['http://127.0.0.1:1'], passThrough: true },
    'admin.json': {
      name: 'admin',
      prefix: '/admin',
      auth: { jwt: {} },
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/secret' }],
    },
  })
  const app = await buildApp(testConfig(folder, { jwt }))
  t.after(() => app.close())
  const text = async (method: string, url: string) => (await explain(app, { method, url, headers: {} })).join('\n')
  const meant =
    /guard +404 GW_NOT_FOUND: it may mean GET \/admin\/secret \(.*admin\.json\), which asks for other auth\n[^]*\n→ answered 404 GW_NOT_FOUND$/
  assert.match(await text('GET', '/Admin/secret'), meant)
  assert.match(await text('POST', '/admin/secret/'), meant)
  assert.match(
    await text('POST', '/admin/secret'),
    /guard +405 GW_METHOD_NOT_ALLOWED: [^]*\n→ answered 405 GW_METHOD_NOT_ALLOWED$/,
  )
  assert.match(await text('GET', '/admin%2Fsecret'), /→ answered 400 GW_BAD_PATH$/)
  assert.doesNotMatch(await text('GET', '/other'), /guard/)
})

const HANDSHAKE = {
  connection: 'keep-alive, Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
}

test('says the same of WebSockets and unknown methods as the gateway', async (t) => {
  const target = 'http://127.0.0.1:1'
  const { app, port } = await startGateway(t, {
    'none.json': {
      name: 'none',
      hosts: 'none.test',
      auth: 'none',
      targets: [target],
      passThrough: { websocket: false },
    },
    'all.json': { name: 'all', hosts: 'all.test', auth: 'none', targets: [target], passThrough: true },
    'old.json': {
      name: 'old',
      hosts: 'old.test',
      auth: 'none',
      targets: [target],
      routes: [{ method: 'GET', url: '/x', redirect: { to: '/y', status: 301 } }],
    },
  })
  const { 'sec-websocket-key': _, ...keyless } = HANDSHAKE
  for (const [method, host, headers, status] of [
    ['GET', 'none.test', HANDSHAKE, 400],
    ['GET', 'all.test', HANDSHAKE, null],
    ['GET', 'all.test', keyless, 400],
    ['GET', 'old.test', HANDSHAKE, 301],
    ['GET', 'none.test', { ...HANDSHAKE, upgrade: 'h2c' }, null],
    ['GET', 'none.test', { ...HANDSHAKE, connection: 'close' }, null],
    ['POST', 'none.test', HANDSHAKE, null],
    ['GTE', 'none.test', {}, 501],
    ['CONNECT', 'none.test', {}, 501],
    ['DESCRIBE', 'none.test', {}, 501],
  ] as const) {
    const told = (await explain(app, { method, url: `http://${host}/x`, headers })).at(-1)!
    const lines = Object.entries({ connection: 'close', ...headers, host })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
    const target = method === 'CONNECT' ? `${host}:80` : '/x'
    const answer = await rawRequest(port, `${method} ${target} HTTP/1.1\r\n${lines}\r\n`)
    // nothing listens there
    assert.equal(answer.status, status ?? 502, `${method} ${host}`)
    assert.match(
      told,
      status === null ? /^→ forwarded to / : new RegExp(`^→ answered ${status}\\b`),
      `${method} ${host} ${JSON.stringify(headers)}`,
    )
  }
})

test('a pass-through is one near miss, not one for each method', async (t) => {
  const folder = await routesFolder(t, {
    'app.json': { name: 'app', hosts: 'app.test', auth: 'none', targets: ['http://127.0.0.1:1'], passThrough: true },
    'root.json': { name: 'root', auth: 'none', targets: ['http://127.0.0.1:1'], passThrough: true },
    'orders.json': {
      name: 'orders',
      prefix: '/orders',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/' }],
    },
  })
  const app = await buildApp(testConfig(folder))
  t.after(() => app.close())
  const misses = async (method: string, url: string) =>
    (await explain(app, { method, url, headers: {} })).flatMap(
      (line) => /^ +(n(?:ot|or) .*)$/.exec(line)?.[1]?.replace(/ \(.*\)/, '') ?? [],
    )
  assert.deepEqual(await misses('GET', 'http://app.test/x'), ['not GET /* of root: GET app.test/* is more specific'])
  assert.deepEqual(await misses('POST', 'http://other.test/x'), [
    'not POST app.test/* of app: it answers for app.test only',
  ])
  assert.deepEqual((await misses('GET', 'http://other.test/orders')).sort(), [
    'not GET /* of root: GET /orders is more specific',
    'not GET app.test/* of app: it answers for app.test only',
  ])
  assert.deepEqual((await misses('DELETE', 'http://other.test/orders')).sort(), [
    'not DELETE app.test/* of app: it answers for app.test only',
    'not GET /orders of orders: its method is GET',
  ])
})
