import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { BootProblems } from '../../src/errors.ts'
import { JWT_SECRET, listening, routesFolder, testConfig } from '../support/gateway.ts'

/** Builds a gateway with one hand-written plugin, whose onRoute hook runs `change`; its problems, one a line. */
async function problemsOf(
  t: TestContext,
  change: string,
  route = "app.get('/x', { config: { auth: 'none' } }, () => 'own')",
  config: ConfigInput = {},
): Promise<string[]> {
  const folder = await routesFolder(t, {
    'a.mjs': `export default async (app) => { app.addHook('onRoute', (route) => { ${change} }); ${route} }`,
  })
  const result = await buildApp(testConfig(folder, { jwt: { secret: JWT_SECRET }, ...config })).then(
    (app) => app.close(),
    (error: unknown) => error,
  )
  if (result === undefined) return []
  assert.ok(result instanceof BootProblems, String(result))
  return result.message.split('\n').map((line) => line.replace(`${folder}/`, ''))
}

const late = (field: string, from: string, to: string): string =>
  `a.mjs: GET /x: ${field}: is changed from ${from} to ${to} by an onRoute hook, after the gateway has read it: state it on the route itself`

test('auth that a hook states after the gateway has looked stops the boot', async (t) => {
  const JWT = '{"jwt":{}}'
  for (const change of [
    'route.config.auth = { jwt: {} }',
    'route.config = { ...route.config, auth: { jwt: {} } }',
    'route.config = { auth: { jwt: {} } }',
  ]) {
    assert.ok((await problemsOf(t, change)).includes(late('config.auth', '"none"', JWT)), change)
  }
  const inherited = "app.get('/x', () => 'own')"
  assert.deepEqual(await problemsOf(t, 'route.config.auth = { jwt: {} }', inherited, { auth: 'none' }), [
    late('config.auth', '"none"', JWT),
  ])
  assert.deepEqual(await problemsOf(t, "route.config.auth = 'none'", inherited, { auth: { jwt: {} } }), [
    late('config.auth', JWT, '"none"'),
  ])
  assert.deepEqual(await problemsOf(t, "route.config.auth.jwt.scopes = ['admin']", inherited, { auth: { jwt: {} } }), [
    late('config.auth', JWT, '{"jwt":{"scopes":["admin"]}}'),
  ])
})

test('so does everything else that is read once', async (t) => {
  const changes: [string, string, string, string][] = [
    ['config.limit', "route.config.limit = { max: 1, window: '1 minute' }", 'nothing', '{"max":1,"window":"1 minute"}'],
    ['config.limits', 'route.config.limits = null', '[]', 'null'],
    ['config.cost', 'route.config.cost = 5', 'nothing', '5'],
    ['config.cors', "route.config.cors = { origins: '*' }", 'nothing', '{"origins":"*"}'],
    ['config.csrf', 'route.config.csrf = false', 'nothing', 'false'],
    ['config.securityHeaders', 'route.config.securityHeaders = true', 'nothing', 'true'],
    ['config.compress', 'route.config.compress = true', 'nothing', 'true'],
    ['config.clientCache', 'route.config.clientCache = { public: true }', 'nothing', '{"public":true}'],
    ['constraints', "route.constraints = { headers: { 'x-v': '1' } }", 'nothing', '{"headers":{"x-v":"1"}}'],
    ['method', "route.method = ['GET', 'POST']", '"GET"', '["GET","POST"]'],
    ['url', "route.url = '/y'", '"/x"', '"/y"'],
  ]
  for (const [field, change, from, to] of changes) {
    assert.deepEqual(await problemsOf(t, change), [late(field, from, to)], field)
  }
})

test('a hook that takes away the hooks of the gateway stops the boot', async (t) => {
  const guarded = "app.get('/x', { config: { auth: { jwt: {} } } }, () => 'own')"
  const taken =
    'a.mjs: GET /x: onRequest: an onRoute hook has taken away hooks that the gateway put there (authentication or limits): add to the array instead of replacing it'
  for (const change of [
    'route.onRequest = []',
    'delete route.onRequest',
    'route.onRequest = [(q, r, done) => done(), (q, r, done) => done()]',
    'route.onRequest = async () => {}',
    'route.onRequest.shift()',
  ]) {
    assert.deepEqual(await problemsOf(t, change, guarded), [taken], change)
  }
})

test('a hook may add hooks of its own, take away those of its own routes, and see routes with a slash at their end', async (t) => {
  for (const change of [
    'route.onRequest = [(q, r, done) => done(), ...route.onRequest]',
    'route.onRequest = [...route.onRequest, async () => {}]',
    'route.preHandler = []',
    "route.config.own = 'x'",
    'route.handler = () => 1',
  ]) {
    assert.deepEqual(
      await problemsOf(
        t,
        change,
        "app.get('/x', { config: { auth: { jwt: {} } }, preHandler: async () => {} }, () => 'own')",
      ),
      [],
      change,
    )
  }
  assert.deepEqual(
    await problemsOf(
      t,
      '',
      "app.register(async (child) => { child.get('/', { config: { auth: 'none' } }, () => 'own') }, { prefix: '/p' })",
    ),
    [],
  )
})

test('a route that is added after the boot stops it, also when the plugin hides the error', async (t) => {
  const adding = "try { app.get('/late', { config: { auth: 'none' } }, () => 'own') } catch {}"
  for (const route of [
    `app.addHook('onReady', async () => { ${adding} })`,
    `app.addHook('onReady', (done) => { ${adding}; done() })`,
  ]) {
    assert.deepEqual(await problemsOf(t, '', route), [
      'a.mjs: GET /late: is added after the boot, as in an onReady hook: add it in the plugin itself, and await what it waits for',
    ])
  }
})

test('a route that a plugin adds while the gateway runs is not served, and its request does no harm', async (t) => {
  const folder = await routesFolder(t, {
    'a.mjs':
      "export default async (app) => { app.addHook('onListen', () => { try { app.get('/late', { config: { auth: 'none' } }, () => 'own') } catch {} }) }",
  })
  const { port } = await listening(t, await buildApp(testConfig(folder, {})))
  assert.equal((await fetch(`http://127.0.0.1:${port}/late`)).status, 404)
})
