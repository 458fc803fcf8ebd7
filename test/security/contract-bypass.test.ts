import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { settings } from '../auth/jwt/key-pairs.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, type Recorder, startRecorder, UPGRADE } from './wire.ts'

const jwt = { secret: JWT_SECRET }
const BEARER = `authorization: Bearer ${signToken(settings(jwt), { sub: 'ada', scopes: [] })}\r\n`
const JWT = { jwt: {} }

interface Started {
  backend: Recorder
  /** The status of a request such as `POST /x`; GET when no method is named. */
  ask: (line: string, more?: string, host?: string) => Promise<number>
}

async function start(
  t: TestContext,
  files: (target: string) => Record<string, unknown>,
  config: ConfigInput = {},
): Promise<Started> {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, files(backend.url), { jwt, ...config })
  return {
    backend,
    ask: async (line, more = '', host = 'x') => {
      const [, method = 'GET', path] = /^(?:([A-Z]+) )?(.*)$/.exec(line)!
      // a HEAD has no end that could be seen
      const close = method === 'HEAD' ? 'connection: close\r\n' : ''
      return (
        await rawRequest(port, get(path!, more + close, '1.1', host).replace('GET', method), { timeoutMs: 20_000 })
      ).status
    },
  }
}

/** None of the requests reaches the service, with and without an upgrade. */
async function refusesAll({ ask, backend }: Started, lines: readonly string[], more = ''): Promise<void> {
  for (const line of lines) {
    const statuses = [await ask(line, more), ...(line.startsWith('HEAD') ? [] : [await ask(line, more + UPGRADE)])]
    assert.ok(
      statuses.every((status) => [400, 401, 404, 405].includes(status)),
      `${line}: ${statuses}`,
    )
  }
  assert.deepEqual(backend.targets(), [])
}

const open = (target: string, more: object = {}) => ({
  name: 'all',
  auth: 'none',
  targets: [target],
  passThrough: { websocket: true },
  ...more,
})
const admin = (target: string, more: object = {}) => ({
  name: 'admin',
  prefix: '/admin',
  auth: JWT,
  targets: [target],
  routes: [
    { method: 'GET', url: '/secret' },
    { method: 'GET', url: '/users/:id/keys' },
    { method: 'GET', url: '/files/*' },
  ],
  ...more,
})

/** Other spellings and methods of what `admin` declares. */
const GUARDED = [
  'POST /admin/secret',
  'PUT /admin/secret',
  'OPTIONS /admin/secret',
  'PROPFIND /admin/secret',
  '/Admin/secret',
  '/admin/SECRET',
  '/admin/secret/',
  'HEAD /admin/secret/',
  'HEAD /ADMIN/secret',
  'POST /Admin/Secret/',
  '/admin/secret/?x=1',
  '/admin%2Fsecret',
  '/admin%2fSecret',
  '/admin%5Csecret',
  '/admin%252Fsecret',
  '/admin%25252fsecret',
  '/admin/secret%3Bx',
  '/admin/%2573ecret',
  '/admin/%252573ecret',
  '/admin/secret%20',
  '/admin/%20secret',
  '/admin/%EF%BD%93ecret',
  '/admin/%C5%BFecret',
  '//Admin//secret',
  '/adm%69n/secret/',
  'POST /admin/users/7/keys',
  '/admin/users/7/Keys',
  '/admin/users/7/keys/',
  '/Admin/users/a%20b/keys',
  '/admin/users/7%2Fkeys',
  '/Admin/files/x',
  '/admin/files',
  '/admin/Files/',
  'DELETE /admin/files/x/y',
  '/ADMIN/files/x/y/',
]

// the file that stands first is registered first
for (const [first, second] of [
  ['all.json', 'b-admin.json'],
  ['z-all.json', 'admin.json'],
] as const) {
  test(`a pass-through leaves alone what another file guards (${first})`, async (t) => {
    const started = await start(t, (target) => ({ [first]: open(target), [second]: admin(target) }))
    await refusesAll(started, GUARDED)
    assert.equal(await started.ask('/admin/secret'), 401)
    assert.equal(await started.ask('/admin/secret', BEARER), 200)
    for (const line of [
      '/admin',
      '/admin/secrets',
      '/admin/secret/x',
      '/admin/users/7',
      'POST /x',
      '/Other',
      '/other/',
      '/x%2Fy',
    ]) {
      assert.equal(await started.ask(line), 200, line)
    }
  })
}

test('so does it with what YAML, modules, documents and plugins guard', async (t) => {
  const operation = (...names: string[]) => ({
    get: {
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      responses: { 200: { description: 'x' } },
    },
  })
  const document = {
    openapi: '3.1.0',
    info: { title: 'x', version: '1' },
    paths: {
      '/admin/secret': operation(),
      '/admin/users/{id}/keys': operation('id'),
      '/admin/files/{name}': operation('name'),
      '/admin/files/{name}/y': operation('name'),
    },
  }
  const ways: Record<string, (target: string) => Record<string, unknown>> = {
    yaml: (target) => ({
      'admin.yaml': `name: admin\nprefix: /admin\nauth: { jwt: {} }\ntargets: ['${target}']\nroutes: [{ method: GET, url: /secret }, { method: GET, url: '/users/:id/keys' }, { method: GET, url: '/files/*' }]\n`,
    }),
    module: (target) => ({
      'admin.mjs': `import { defineUpstream } from 'gatehouse'\nexport default defineUpstream(${JSON.stringify(admin(target))})`,
    }),
    document: (target) => ({
      'admin.json': { name: 'admin', auth: JWT, targets: [target], openapi: '_document.yaml' },
      '_document.yaml': JSON.stringify(document),
    }),
    plugin: (target) => ({
      'admin.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      for (const url of ['/admin/secret', '/admin/users/:id/keys', '/admin/files/*']) app.get(url, { config: { auth: { jwt: {} } } }, (q, r) => r.forward(up))
    }`,
    }),
    'declared by a plugin': (target) => ({
      'admin.mjs': `export default async (app) => { await app.declareUpstream(${JSON.stringify(admin(target))}) }`,
    }),
  }
  for (const [name, files] of Object.entries(ways)) {
    await t.test(name, async (t) => {
      // a document has no wildcards
      const lines = name === 'document' ? GUARDED.filter((line) => !/files\/?$/i.test(line)) : GUARDED
      await refusesAll(await start(t, (target) => ({ 'all.json': open(target), ...files(target) })), lines)
    })
  }
})

test('a pass-through of a plugin leaves alone what files guard', async (t) => {
  await refusesAll(
    await start(t, (target) => ({
      'all.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      app.all('/*', { config: { auth: 'none' } }, (q, r) => r.forward(up, { websocket: true }))
    }`,
      'admin.json': admin(target),
    })),
    GUARDED,
  )
})

test('hosts count: those of both routes, wildcards included', async (t) => {
  const started = await start(t, (target) => ({
    'all.json': open(target),
    'admin.json': admin(target, { hosts: ['a.test', '*.b.test'] }),
    'own.json': open(target, { name: 'own', hosts: ['own.test'] }),
  }))
  for (const host of ['a.test', 'A.Test:80', 'a.test.', 'x.b.test', 'X.B.test:8080']) {
    for (const line of [
      'POST /admin/secret',
      '/Admin/secret',
      '/admin/secret/',
      'HEAD /admin/SECRET',
      '/admin%2Fsecret',
    ]) {
      assert.ok([400, 404, 405].includes(await started.ask(line, '', host)), `${host} ${line}`)
    }
  }
  assert.deepEqual(started.backend.targets(), [])
  for (const host of ['other.test', 'b.test', 'x.y.b.test', 'own.test']) {
    assert.equal(await started.ask('/Admin/secret', '', host), 200, host)
  }
  const common = await start(t, (target) => ({
    'all.json': open(target, { hosts: ['own.test'], prefix: '/admin' }),
    'admin.json': admin(target),
  }))
  // the host has been given to the pass-through whole
  assert.equal(await common.ask('/admin/secret', '', 'own.test'), 200)
  assert.equal(await common.ask('/Admin/secret', '', 'own.test'), 404)
})

test('a pass-through leaves alone what another pass-through guards', async (t) => {
  const started = await start(t, (target) => ({
    'all.json': open(target),
    'admin.json': { name: 'admin', prefix: '/admin', auth: JWT, targets: [target], passThrough: true },
  }))
  await refusesAll(started, ['/Admin', '/ADMIN/', '/Admin/x', 'POST /admiN/x/y', '/admin%2Fx', '/%61dmin%2fx'])
  assert.equal(await started.ask('/admin'), 401)
})

const limited = { rateLimit: { max: 1, window: '1 hour' } }
test('another spelling does not go round limits, schemas, sizes, costs and conditions of a route', async (t) => {
  const body = { body: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] } }
  const started = await start(t, (target) => ({
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [target],
      passThrough: true,
      rateLimit: { max: 1000, window: '1 hour' },
      routes: [
        { method: 'GET', url: '/login', ...limited },
        { method: 'POST', url: '/typed', schema: body },
        { method: 'POST', url: '/small', bodyLimit: '10B' },
        { method: 'GET', url: '/dear', cost: 100 },
        { method: 'GET', url: '/versions', match: { headers: { 'x-v': '2' } }, ...limited },
        { method: 'GET', url: '/plain' },
        { method: 'PUT', url: '/items/:id', schema: body },
        { method: 'GET', url: '/files/*', ...limited },
        { method: 'GET', url: '/:scope/:name/:version', ...limited },
      ],
    },
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/login', ...limited },
        { method: ['GET', 'POST'], url: '/*' },
        { method: 'GET', url: '/by/me', ...limited },
        { method: 'GET', url: '/by/:id' },
      ],
    },
  }))
  const other = [
    '/a/Login',
    '/a/login/',
    '/A/login',
    'HEAD /a/LOGIN',
    '/a/log%2569n',
    'POST /a/Typed',
    'POST /a/typed/',
    'POST /a/Small',
    '/a/Dear',
    '/b/Login',
    '/b/login/',
    'HEAD /b/login/',
    '/b/by/Me',
    '/b/by%2Fme',
    '/b/by/%6De/',
    'PUT /a/items%2F1',
    'PUT /a/Items%2f1',
    'PUT /a/items%5C1',
    'PUT /a/items%252F1',
    'PUT /a/items/%2F1',
    '/a/files%2Fx',
    '/a/files%2Fx/y',
    '/a/Files%2fx%2fy',
  ]
  await refusesAll(started, other)
  assert.equal(await started.ask('/a/Versions', 'x-v: 2\r\n'), 404)
  assert.deepEqual([await started.ask('/a/login'), await started.ask('/a/login')], [200, 429])
  // where the spelling or the method has no rules of its own to go round
  for (const line of [
    '/a/Plain',
    '/a/plain/',
    'POST /a/plain',
    'POST /a/login',
    'GET /a/typed',
    '/a/Versions',
    '/b/by/42',
    '/b/by/Them',
    '/b/other/',
    'POST /b/login',
    '/a/x%2Flogin',
    '/a/@scope%2Fname/1',
    'POST /a/items%2F1',
  ]) {
    assert.equal(await started.ask(line), 200, line)
  }
})

test('a WebSocket that a pass-through allows counts for upgrades alone', async (t) => {
  const started = await start(t, (target) => ({
    'all.json': open(target, { routes: [{ method: 'GET', url: '/health' }] }),
  }))
  for (const line of ['/Health', '/health/']) {
    assert.deepEqual([await started.ask(line), await started.ask(line, UPGRADE)], [200, 404], line)
  }
})

test('wildcards and parameters beside guarded routes leave these alone', async (t) => {
  const started = await start(t, (target) => ({
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/admin', auth: JWT },
        { method: ['GET', 'POST'], url: '/*' },
      ],
    },
    'c.json': {
      name: 'c',
      prefix: '/c',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/admin', auth: JWT },
        { method: ['GET', 'DELETE'], url: '/:id' },
        { method: 'GET', url: '/:id/:part' },
      ],
    },
    'd.json': {
      name: 'd',
      prefix: '/d',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/:page(^(?:admin|settings)$)', auth: JWT },
        { method: 'GET', url: '/:name.:form', auth: JWT },
        { method: ['GET', 'POST'], url: '/*' },
        { method: 'GET', url: '/@me', auth: JWT },
        { method: 'GET', url: '/a::b', auth: JWT },
      ],
    },
    'e.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'e', targets: ['${target}'] })
      const open = { config: { auth: 'none' } }
      app.get('/e/*', open, (q, r) => r.forward(up))
      app.get('/e/:id', open, (q, r) => r.forward(up))
      app.post('/e/:id', open, (q, r) => r.forward(up))
      app.get('/e/admin', { config: { auth: { jwt: {} } } }, (q, r) => r.forward(up))
    }`,
  }))
  await refusesAll(started, [
    '/b/Admin',
    '/b/admin/',
    'POST /b/admin',
    'POST /b/ADMIN/',
    'HEAD /b/Admin',
    '/c/Admin',
    'DELETE /c/admin',
    'DELETE /c/Admin',
    'HEAD /c/ADMIN',
    '/B/admin',
    '/d/Admin',
    '/d/SETTINGS',
    '/d/settings/',
    'POST /d/settings',
    '/d/a.b/',
    'POST /d/a.b',
    '/d/%40me',
    '/d/@Me',
    '/d/%40ME/',
    '/d/A%3Ab',
    '/d/a%3ab',
    '/e/Admin',
    '/e/admin/',
    'POST /e/admin',
    'POST /e/Admin',
  ])
  for (const line of [
    '/b/42',
    '/b/x/',
    'POST /b/x',
    '/b/administrators',
    '/c/42',
    'DELETE /c/42',
    '/c/admin/x',
    '/c/Admin/x',
    '/d/ab',
    '/d/page/',
    '/d/You',
    '/e/42',
    '/e/Forty',
    '/e/x/y',
    'POST /e/x',
  ]) {
    assert.equal(await started.ask(line), 200, line)
  }
  for (const line of ['/b/admin', '/c/admin', '/d/settings', '/d/a.b', '/d/@me', '/d/a:b', '/e/admin']) {
    assert.deepEqual([line, await started.ask(line), await started.ask(line, BEARER)], [line, 401, 200])
  }
})

test('what was stated in so many words goes on working', async (t) => {
  const started = await start(t, (target) => ({
    'orders.json': {
      name: 'orders',
      prefix: '/orders',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/:id' },
        { method: 'GET', url: '/admin', auth: JWT },
        { method: 'PUT', url: '/:id', auth: JWT },
        { method: 'POST', url: '/admin' },
        { method: 'GET', url: '/Same' },
        { method: 'GET', url: '/same', auth: JWT },
        { method: 'GET', url: '/same/' },
        { method: 'GET', url: '/:id/items' },
        { method: 'POST', url: '/:id/items', schema: { body: { type: 'object' } } },
      ],
    },
    'packages.json': {
      name: 'packages',
      prefix: '/npm',
      auth: 'none',
      targets: [target],
      routes: [
        { method: 'GET', url: '/:package' },
        { method: 'GET', url: '/:package/:version', ...limited },
      ],
    },
    'web.json': {
      name: 'web',
      prefix: '/web',
      auth: 'none',
      targets: [target],
      passThrough: true,
      routes: [{ method: 'POST', url: '/login', ...limited, schema: { body: { type: 'object' } } }],
    },
  }))
  for (const line of [
    '/orders/42',
    '/orders/AB-42',
    'POST /orders/admin',
    '/orders/Same',
    '/orders/same/',
    '/orders/42/items',
    '/npm/@scope%2Fname',
    '/npm/x',
    '/web/login',
    '/web/Logins',
    '/web/',
  ]) {
    assert.equal(await started.ask(line), 200, line)
  }
  assert.deepEqual(
    [await started.ask('/orders/admin'), await started.ask('/orders/same'), await started.ask('PUT /orders/42')],
    [401, 401, 401],
  )
})

test('405 names the methods that the path has', async (t) => {
  const backend = await startRecorder(t)
  const { url } = await startGateway(t, { 'all.json': open(backend.url), 'admin.json': admin(backend.url) }, { jwt })
  const response = await fetch(`${url}/admin/secret`, { method: 'POST' })
  assert.deepEqual(
    [response.status, response.headers.get('allow'), ((await response.json()) as { code: string }).code],
    [405, 'GET, HEAD', 'GW_METHOD_NOT_ALLOWED'],
  )
})

test('a not-found handler of a plugin leaves alone what other routes guard', async (t) => {
  const started = await start(t, (target) => ({
    'admin.json': admin(target),
    'all.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      await app.register(async (child) => { child.setNotFoundHandler({ config: { auth: 'none' } }, (q, r) => r.forward(up)) }, { prefix: '/admin' })
    }`,
  }))
  await refusesAll(started, GUARDED)
  assert.equal(await started.ask('/admin/secret', BEARER), 200)
  for (const line of ['/admin', '/admin/secrets', '/admin/secret/x', 'POST /admin/x']) {
    assert.equal(await started.ask(line), 200, line)
  }
})

test('a not-found handler leaves alone the methods that a guarded pass-through does not take', async (t) => {
  const started = await start(t, (target) => ({
    'admin.json': { name: 'admin', prefix: '/admin', auth: JWT, targets: [target], passThrough: true },
    'all.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      await app.register(async (child) => { child.setNotFoundHandler({ config: { auth: 'none' } }, (q, r) => r.forward(up)) }, { prefix: '/admin' })
    }`,
  }))
  await refusesAll(started, ['TRACE /admin/secret', 'TRACE /admin', 'TRACE /admin/Secret/'])
})

test('a not-found handler leaves alone what a wider wildcard guards', async (t) => {
  const started = await start(t, (target) => ({
    'wide.json': { name: 'wide', auth: JWT, targets: [target], routes: [{ method: 'GET', url: '/*' }] },
    'all.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      await app.register(async (child) => { child.setNotFoundHandler({ config: { auth: 'none' } }, (q, r) => r.forward(up)) }, { prefix: '/admin' })
    }`,
  }))
  await refusesAll(started, ['/admin/secret', 'POST /admin/secret', 'POST /admin'])
})

test('an error handler does not forward what the guard has refused', async (t) => {
  const started = await start(t, (target) => ({
    'admin.json': admin(target),
    'all.mjs': `export default async (app) => {
      const up = app.addUpstream({ name: 'up', targets: ['${target}'] })
      app.setErrorHandler((e, q, r) => { r.forward(up) })
      app.all('/*', { config: { auth: 'none' } }, (q, r) => r.forward(up))
    }`,
  }))
  for (const line of ['/Admin/secret', 'POST /admin/secret', '/admin/secret/']) {
    assert.ok((await started.ask(line)) >= 400, line)
  }
  assert.deepEqual(started.backend.targets(), [])
  assert.equal(await started.ask('/x'), 200)
})
