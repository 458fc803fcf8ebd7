import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { startBackend } from '../support/backend.ts'
import { routesFolder, startGateway, testConfig } from '../support/gateway.ts'

const upstream = { name: 'a', auth: 'none', targets: ['http://127.0.0.1:1'] }
const plugin = (route: string): string => `export default async (app) => { ${route} }`

/** Builds a gateway with one file, and gives back its problems without the folder. */
async function problems(
  t: Parameters<typeof routesFolder>[0],
  file: unknown,
  config: ConfigInput = {},
): Promise<string[]> {
  const folder = await routesFolder(t, { [typeof file === 'string' ? 'a.mjs' : 'a.json']: file })
  const result = await buildApp(testConfig(folder, config)).then(
    (app) => app.close(),
    (error: unknown) => error,
  )
  if (result === undefined) return []
  assert.ok(result instanceof BootProblems, String(result))
  return result.message.split('\n').map((line) => line.replace(`${folder}/`, ''))
}

const OWN = 'is answered by the gateway itself: choose another path'
const SET = (setting: string): string =>
  `is answered by the gateway itself (${setting} in the configuration): choose another path here or there`

test('a route where the gateway answers is a problem with file and field', async (t) => {
  const metrics = { metrics: { path: '/metrics', auth: 'none' } } as const
  const routes = ['/livez', '/readyz', '/docs', '/docs/json', '/docs/static/*', '/metrics'].map((url) => ({
    method: 'GET',
    url,
  }))
  assert.deepEqual(await problems(t, { ...upstream, routes }, metrics), [
    `a.json: routes[0]: GET /livez ${OWN}`,
    `a.json: routes[1]: GET /readyz ${OWN}`,
    `a.json: routes[2]: GET /docs ${SET('docs.path')}`,
    `a.json: routes[3]: GET /docs/json ${SET('docs.path')}`,
    `a.json: routes[4]: GET /docs/static/* ${SET('docs.path')}`,
    `a.json: routes[5]: GET /metrics ${SET('metrics.path')}`,
  ])
  assert.deepEqual(
    await problems(
      t,
      { ...upstream, prefix: '/handbook', routes: [{ method: ['GET', 'POST'], url: '/' }] },
      { docs: { path: '/handbook' } },
    ),
    [`a.json: routes[0]: GET /handbook ${SET('docs.path')}`],
  )
})

test('so is a pass-through over it', async (t) => {
  for (const [prefix, line] of [
    ['/docs', `GET /docs ${SET('docs.path')}`],
    ['/livez/', `GET /livez ${OWN}`],
    ['/docs/static', `GET /docs/static/* ${SET('docs.path')}`],
  ]) {
    assert.deepEqual(await problems(t, { ...upstream, prefix, passThrough: true }), [`a.json: passThrough: ${line}`])
  }
})

test('so is a route of a hand-written plugin, told once', async (t) => {
  assert.deepEqual(await problems(t, plugin("app.get('/livez', { config: { auth: 'none' } }, () => 1)")), [
    `a.mjs: GET /livez: GET /livez ${OWN}`,
  ])
  assert.deepEqual(
    await problems(
      t,
      plugin(
        "app.register(async (child) => { child.get('/json', { config: { auth: 'none' } }, () => 1) }, { prefix: '/docs' })",
      ),
    ),
    [`a.mjs: GET /docs/json: GET /docs/json ${SET('docs.path')}`],
  )
})

test('what is less specific, for other hosts, or free since the documentation is off, is none', async (t) => {
  assert.deepEqual(
    await problems(t, {
      ...upstream,
      passThrough: true,
      routes: [
        { method: 'GET', url: '/*' },
        { method: 'POST', url: '/docs' },
        { method: 'GET', url: '/:any' },
      ],
    }),
    [],
  )
  assert.deepEqual(
    await problems(t, {
      ...upstream,
      hosts: ['a.test'],
      prefix: '/docs',
      passThrough: true,
      routes: [{ method: 'GET', url: '/' }],
    }),
    [],
  )
  assert.deepEqual(await problems(t, { ...upstream, prefix: '/docs', passThrough: true }, { docs: false }), [])
})

test('addresses of the gateway that collide with each other are problems of the configuration', async (t) => {
  assert.deepEqual(await problems(t, { ...upstream, passThrough: true }, { docs: { path: '/livez' } }), [
    'configuration: docs.path: found "/livez", where the gateway has an answer of its own, allowed: a path of its own',
  ])
  const [line, ...others] = await problems(
    t,
    { ...upstream, routes: [] },
    { metrics: { path: '/docs/json', auth: 'none' } },
  )
  assert.equal(
    line,
    'configuration: metrics.path: found "/docs/json", where the gateway has its documentation (docs.path), allowed: a path of its own',
  )
  assert.equal(others.length, 1, 'and the mistake of the file')
  for (const [path, owner] of [
    ['/livez', 'an answer of its own'],
    ['/docs', 'its documentation (docs.path)'],
    ['/m', 'its metrics (metrics.path)'],
    ['/s', 'its state (status.path)'],
    ['/s/explain', 'its state (status.path)'],
  ] as const) {
    const config = {
      metrics: { path: '/m', auth: 'none' },
      status: { path: '/s', auth: 'none' },
      cache: { purge: { path, auth: 'none' } },
    } as const
    assert.deepEqual(await problems(t, { ...upstream, passThrough: true }, config), [
      `configuration: cache.purge.path: found "${path}", where the gateway has ${owner}, allowed: a path of its own`,
    ])
  }
  assert.deepEqual(
    await problems(
      t,
      { ...upstream, routes: [{ method: 'POST', url: '/cache/purge' }] },
      { cache: { purge: { path: '/cache/purge', auth: 'none' } } },
    ),
    [`a.json: routes[0]: POST /cache/purge ${SET('cache.purge.path')}`],
  )
  assert.match(
    (await problems(t, { ...upstream, passThrough: true }, { docs: { path: '/a//b' } }))[0]!,
    /docs\.path: .*never arrives/,
  )
})

test('two files with one pass-through collide, and a declared route wins over the pass-through of its own file', async (t) => {
  const folder = await routesFolder(t, {
    'a.json': { ...upstream, prefix: '/p', passThrough: true },
    'b.json': { ...upstream, name: 'b', prefix: '/p', passThrough: true },
  })
  await assert.rejects(
    buildApp(testConfig(folder)),
    /^BootProblems: .*b\.json: passThrough: \/p is declared in .*a\.json too: change one of them$/,
  )

  const backend = await startBackend(t)
  for (const hosts of [undefined, ['127.0.0.1']]) {
    const { url } = await startGateway(t, {
      'a.json': {
        ...upstream,
        hosts,
        prefix: '/p',
        targets: [backend.url],
        passThrough: true,
        routes: [
          { method: 'GET', url: '/', rewritePath: '/declared' },
          { method: 'GET', url: '/*', rewritePath: '/all' },
        ],
      },
    })
    const path = async (to: string, method: string): Promise<string> =>
      ((await (await fetch(url + to, { method })).json()) as { path: string }).path
    assert.equal(await path('/p', 'GET'), '/declared')
    assert.equal(await path('/p', 'POST'), '/p')
    assert.equal(await path('/p/x', 'GET'), '/all')
    assert.equal(await path('/p/x', 'PUT'), '/p/x')
  }
})
