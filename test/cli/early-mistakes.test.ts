import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { shop } from '../support/api-changes.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** What users get wrong in their first hour, as the command line tells it. */

test('check counts a pass-through as one, and says which paths it does not get', async (t) => {
  const passThrough = (name: string, more: object): string =>
    JSON.stringify({ name, targets: 'http://127.0.0.1:9', auth: 'none', passThrough: true, ...more })
  const declared = JSON.stringify({
    name: 'orders',
    prefix: '/orders',
    targets: 'http://127.0.0.1:9',
    auth: 'none',
    routes: [
      { method: 'GET', url: '/:id' },
      { method: 'POST', url: '/' },
    ],
  })
  const check = async (files: Record<string, string>): Promise<string> =>
    (await runCommand(t, ['check'], { cwd: temporaryFolder(t, files) })).stdout
  const note =
    'note: routes/a.json: requests for /livez, /readyz and /docs do not reach this upstream, since the gateway answers them: move /docs with docs.path in the configuration, or give the upstream "hosts", which brings all of them to it\n'
  assert.equal(
    await check({ 'routes/a.json': passThrough('a', { prefix: '/' }) }),
    `configuration, 1 pass-through of 1 file and documents are right\n${note}`,
  )
  assert.equal(
    await check({
      'routes/a.json': passThrough('a', { hosts: 'a.lan' }),
      'routes/b.json': passThrough('b', { prefix: '/b' }),
      'routes/orders.json': declared,
    }),
    'configuration, 2 routes and 2 pass-throughs of 3 files and documents are right\n',
  )
})

test('check finds the mistakes in the schemas of routes, those of hand-written plugins included', async (t) => {
  const route = (url: string, schema: object): object => ({ method: 'POST', url, schema })
  const cwd = temporaryFolder(t, {
    'routes/a.json': JSON.stringify({
      name: 'a',
      prefix: '/a',
      targets: ['http://a'],
      auth: 'none',
      routes: [
        route('/1', { body: { type: 'integer', minimun: 0, 'x-note': 1 } }),
        route('/2/:sku', { params: { sku: 'string' } }),
        route('/3', { response: { 200: { id: 'string' } } }),
        route('/4/:sku', { params: { type: 'object', properties: { skew: { type: 'string' } } } }),
        route('/5', { headers: { 'x-tenant': 'string' } }),
        route('/6', { querystring: { limit: 'integer' } }),
      ],
    }),
    'routes/b.mjs':
      "export default async (app) => { app.get('/b/:id', { config: { auth: 'none' }, schema: { params: { type: 'object', required: ['idd'] } } }, async () => '') }",
  })
  const { code, stderr } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 1)
  const meant = (properties: string): string =>
    `it has neither "type" nor "properties", so it accepts everything, did you mean { type: 'object', properties: { ${properties} } }?`
  assert.deepEqual(stderr.trimEnd().split('\n').sort(), [
    'routes/a.json: POST /a/1: schema.body: /minimun is an unknown keyword, did you mean "minimum"?',
    `routes/a.json: POST /a/2/:sku: schema.params: ${meant("sku: { type: 'string' }")}`,
    `routes/a.json: POST /a/3: schema.response: 200: ${meant("id: { type: 'string' }")}`,
    'routes/a.json: POST /a/4/:sku: schema.params: it has the parameter "skew", which is not in "/a/4/:sku" (which has "sku"), did you mean "sku"?',
    `routes/a.json: POST /a/5: schema.headers: ${meant("'x-tenant': { type: 'string' }")}`,
    `routes/a.json: POST /a/6: schema.querystring: ${meant("limit: { type: 'integer' }")}`,
    'routes/b.mjs: GET /b/:id: schema.params: it has the parameter "idd", which is not in "/b/:id" (which has "id"), did you mean "id"?',
  ])
})

test('add says that a file is not there, and what to put before a URL or target', async (t) => {
  const cwd = temporaryFolder(t, { 'api.yaml': stringify(shop()) })
  const add = (...words: string[]) => runCommand(t, ['add', ...words], { cwd })
  assert.deepEqual(await add('nothere.yaml'), {
    code: 1,
    stdout: '',
    stderr: `gatehouse: nothere.yaml: no such file (looked for ${join(cwd, 'nothere.yaml')})\n`,
  })
  assert.equal((await add('/nothere.yaml')).stderr, 'gatehouse: /nothere.yaml: no such file\n')
  assert.equal(
    (await add('api.example.com/openapi.json')).stderr,
    'gatehouse: api.example.com/openapi.json: no such file (for a URL, put https:// or http:// before it)\n',
  )
  assert.match(
    (await add('api.yaml', '--target', 'localhost:5001')).stderr,
    /^gatehouse: --target "localhost:5001" is not possible, allowed: a URL such as \S+: put http:\/\/ before it\n$/,
  )
})

test('an upstream at / is told once which paths it does not get', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/a.json': JSON.stringify({ name: 'a', targets: 'http://127.0.0.1:9', auth: 'none', passThrough: true }),
  })
  const command = startCommand(t, ['start', '--port', '0'], { cwd })
  await command.line(/"ready on /)
  const told = command
    .stdout()
    .split('\n')
    .filter((line) => line.includes('do not reach this upstream'))
  assert.equal(told.length, 1)
  assert.equal(JSON.parse(told[0]!).level, 40)
  assert.match(
    told[0]!,
    /routes\/a\.json: requests for \/livez, \/readyz and \/docs do not reach .*: move \/docs with docs\.path/,
  )
})

test('files that Node takes for CommonJS get a hint at "type": "module"', async (t) => {
  const upstream = (name: string): string =>
    `import { defineUpstream } from 'gatehouse'\nexport default defineUpstream({ name: '${name}', prefix: '/${name}', targets: 'http://127.0.0.1:9', auth: 'none', passThrough: true })\n`
  const files = { 'routes/a.ts': upstream('a'), 'routes/b.js': upstream('b'), 'routes/c.mts': upstream('c') }
  const advice = 'add "type": "module" to package.json, or let the name of the file end with .mts or .mjs'
  const refused = await runCommand(t, ['check'], {
    cwd: temporaryFolder(t, { ...files, 'package.json': '{ "type": "commonjs" }' }),
  })
  assert.equal(refused.code, 1)
  assert.deepEqual(
    refused.stderr.split('\n').filter((line) => line.startsWith('routes/')),
    ['a.ts', 'b.js'].map(
      (name) => `routes/${name}:1: is read as CommonJS, as package.json says, and uses import or export: ${advice}`,
    ),
  )
  const told = await runCommand(t, ['check'], {
    cwd: temporaryFolder(t, { ...files, 'package.json': '{ "name": "x" }' }),
  })
  assert.equal(told.code, 0)
  assert.equal(told.stderr, `note: routes/a.ts: Node reads it twice, since package.json has no "type": ${advice}\n`)
  const quiet = await runCommand(t, ['check'], {
    cwd: temporaryFolder(t, { ...files, 'package.json': '{ "type": "module" }' }),
  })
  assert.deepEqual([quiet.code, quiet.stderr], [0, ''])
})
