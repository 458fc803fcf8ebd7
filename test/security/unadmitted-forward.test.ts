import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { settings } from '../auth/jwt/key-pairs.ts'
import { listening, JWT_SECRET, routesFolder, testConfig } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, isAlive, startRecorder, UPGRADE } from './wire.ts'

const jwt = { secret: JWT_SECRET }
const GUARDED: ConfigInput = { jwt, auth: { jwt: {} } }
const BEARER = `authorization: Bearer ${signToken(settings(jwt), { sub: 'ada', scopes: [] })}\r\n`

/** A gateway with one hand-written plugin, which has the upstream `up`; what it logs is kept. */
async function startPlugin(t: TestContext, body: string, config: ConfigInput = GUARDED) {
  const backend = await startRecorder(t)
  const lines: string[] = []
  const text = `export default async function (app) {
  const up = app.addUpstream({ name: 'up', targets: ['${backend.url}'] })
  ${body}
}`
  const app = await buildApp(testConfig(await routesFolder(t, { 'a.mjs': text }), config))
  // of the requests; that of the application stands before it
  const logger = Object.getPrototypeOf(app.log) as typeof app.log
  logger.error = (...args: unknown[]) => {
    lines.push(JSON.stringify(args, (_key, value: unknown) => (value instanceof Error ? value.message : value)))
  }
  const { port } = await listening(t, app)
  const ask = async (path: string, more = '', method = 'GET') =>
    (await rawRequest(port, get(path, more).replace('GET', method))).status
  return { backend, lines, port, ask }
}

/** Asked by an anonymous client, none of these may reach the service: method, path and what is expected. */
const BEFORE_AUTHENTICATION: Record<string, string> = {
  'an onRequest hook of the plugin':
    "app.addHook('onRequest', (q, r) => { r.forward(up) }); app.get('/x', () => 'own')",
  'an async onRequest hook': "app.addHook('onRequest', async (q, r) => r.forward(up)); app.get('/x', () => 'own')",
  'an onRequest hook of the route': "app.get('/x', { onRequest: (q, r) => { r.forward(up) } }, () => 'own')",
  'an onRequest hook that an onRoute hook puts first':
    "app.addHook('onRoute', (route) => { route.onRequest = [(q, r) => { r.forward(up) }, ...[route.onRequest].flat()] }); app.get('/x', () => 'own')",
  'a hook beside a declared upstream':
    "app.addHook('onRequest', (q, r) => { r.forward(up) }); await app.declareUpstream({ name: 'd', targets: ['http://127.0.0.1:1'], routes: [{ method: 'GET', url: '/x' }] })",
  'an error handler after a refusal': "app.setErrorHandler((e, q, r) => { r.forward(up) }); app.get('/x', () => 'own')",
  'an async error handler': "app.setErrorHandler(async (e, q, r) => r.forward(up)); app.get('/x', () => 'own')",
  'an error handler of the route': "app.get('/x', { errorHandler: (e, q, r) => { r.forward(up) } }, () => 'own')",
  'a timer set by a hook':
    "app.addHook('onRequest', (q, r) => { setTimeout(() => r.forward(up), 1) }); app.get('/x', () => 'own')",
}

for (const [name, body] of Object.entries(BEFORE_AUTHENTICATION)) {
  test(`${name} cannot forward a request that has not passed authentication`, async (t) => {
    const { ask, backend, lines, port } = await startPlugin(t, body)
    for (const more of ['', UPGRADE]) assert.equal(await ask('/x', more), 500)
    assert.deepEqual(backend.targets(), [])
    assert.match(lines[0]!, /reply\.forward.*before.*authentication and limits/)
    assert.ok(await isAlive(port))
  })
}

test('an open route is no way round its limit', async (t) => {
  const { ask, backend } = await startPlugin(
    t,
    `
  app.setErrorHandler((e, q, r) => { r.forward(up) })
  app.get('/limited', { config: { auth: 'none', limit: { max: 1, window: '1 hour' } } }, (q, r) => r.forward(up))
  app.register(async (child) => {
    child.addHook('onRequest', (q, r) => { r.forward(up) })
    child.get('/hooked', { config: { auth: 'none', limit: { max: 1, window: '1 hour' } } }, () => 'own')
  })`,
  )
  assert.deepEqual([await ask('/limited'), await ask('/limited'), await ask('/hooked')], [200, 500, 500])
  assert.deepEqual(backend.targets(), ['GET /limited'])
})

test('a not-found handler stands behind the authentication and the limits of the gateway', async (t) => {
  const { ask, backend } = await startPlugin(
    t,
    `
  app.register(async (child) => { child.setNotFoundHandler((q, r) => r.forward(up)) }, { prefix: '/deep' })
  app.register(async (child) => { child.setNotFoundHandler({ preHandler: (q, r, done) => done() }, (q, r) => r.forward(up)) }, { prefix: '/hooked' })
  app.register(async (child) => { child.setNotFoundHandler({ config: { auth: 'none' } }, (q, r) => r.forward(up)) }, { prefix: '/open' })`,
    { ...GUARDED, rateLimit: { max: 5, window: '1 hour' } },
  )
  for (const path of ['/deep', '/deep/', '/deep/secret?x', '/hooked/secret']) {
    for (const more of ['', UPGRADE]) assert.equal(await ask(path, more), 401, path)
  }
  assert.equal(await ask('/deep/x', 'content-length: 1\r\n', 'POST'), 401, 'without waiting for the body')
  assert.deepEqual(backend.targets(), [])
  assert.equal(await ask('/open/x'), 200)
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push(await ask('/deep/x', BEARER))
  assert.deepEqual(statuses, [200, 200, 200, 200, 200], 'counted by consumer')
  assert.equal(await ask('/hooked/x', BEARER), 429)
})

test('reply.callNotFound is no way round', async (t) => {
  const { ask, backend } = await startPlugin(
    t,
    `
  app.register(async (child) => {
    child.setNotFoundHandler((q, r) => r.forward(up))
    child.register(async (grandchild) => {
      grandchild.addHook('onRequest', (q, r) => { r.callNotFound() })
      grandchild.get('/early', () => 'own')
    })
    child.get('/open', { config: { auth: 'none' } }, (q, r) => { r.callNotFound() })
    child.get('/guarded', (q, r) => { r.callNotFound() })
  }, { prefix: '/deep' })`,
  )
  assert.deepEqual(
    [await ask('/deep/early'), await ask('/deep/early', BEARER), await ask('/deep/open'), await ask('/deep/guarded')],
    [404, 404, 404, 401],
  )
  assert.deepEqual(backend.targets(), [])
  assert.equal(await ask('/deep/guarded', BEARER), 200)
})

test('a not-found handler that nobody guards stops the boot', async (t) => {
  const text =
    "export default async (app) => { app.register(async (child) => { child.setNotFoundHandler(() => 'own') }, { prefix: '/deep' }) }"
  await assert.rejects(
    buildApp(testConfig(await routesFolder(t, { 'a.mjs': text }))),
    /a\.mjs: setNotFoundHandler\(\{ config \}, handler\) of \/deep: config\.auth: missing: state who may call/,
  )
})

test('what has passed is forwarded from every later hook', async (t) => {
  const { ask, backend } = await startPlugin(
    t,
    `
  app.get('/handler', (q, r) => r.forward(up))
  app.get('/before', { preHandler: (q, r) => { r.forward(up) } }, () => 'own')
  app.get('/parsing', { preParsing: (q, r) => { r.forward(up) } }, () => 'own')
  app.get('/error', { errorHandler: (e, q, r) => { r.forward(up) } }, () => { throw new Error('x') })
  app.get('/open', { config: { auth: 'none' } }, (q, r) => r.forward(up))
  app.get('/inject', { config: { auth: 'none' } }, async (q, r) => r.code((await app.inject('/handler')).statusCode).send())
  app.register(async (child) => {
    child.addHook('preHandler', (q, r) => { r.forward(up) })
    await child.declareUpstream({ name: 'd', targets: ['http://127.0.0.1:1'], routes: [{ method: 'GET', url: '/declared' }, { method: 'GET', url: '/declared-open', auth: 'none' }] })
  })`,
  )
  const paths = ['/handler', '/before', '/parsing', '/declared', '/error']
  for (const path of paths) {
    assert.deepEqual([path, await ask(path), await ask(path, BEARER)], [path, path === '/error' ? 500 : 401, 200])
  }
  for (const path of ['/open', '/declared-open']) assert.equal(await ask(path), 200, path)
  assert.equal(await ask('/inject'), 401, 'a request of its own, with stages of its own')
  assert.deepEqual(backend.targets().sort(), [...paths, '/open', '/declared-open'].map((path) => `GET ${path}`).sort())
})
