import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'

const fine = {
  name: 'fine',
  prefix: '/fine',
  auth: 'none',
  targets: ['http://127.0.0.1:1'],
  routes: [{ method: 'GET', url: '/' }],
}

test('every problem of every file is reported at once, with file and field', async (t) => {
  const folder = await routesFolder(t, {
    'a-fine.json': fine,
    'b-typo.json': { ...fine, name: 'typo', prefx: '/typo' },
    'c-noauth.json': {
      ...fine,
      name: 'noauth',
      prefix: '/noauth',
      auth: undefined,
      routes: [
        { method: 'GET', url: '/' },
        { method: 'GET', url: '/x', auth: 'none' },
      ],
    },
    'd-pattern.json': {
      ...fine,
      name: 'pattern',
      prefix: '/pattern',
      routes: [
        { method: 'GET', url: '/a/*/b' },
        { method: 'GET', url: '/:id', rewritePath: '/:other' },
      ],
    },
    'e-collide.json': { ...fine, name: 'collide', routes: [{ method: 'GET', url: '/' }] },
    'f-name.json': { ...fine, prefix: '/name' },
    'g-target.json': { ...fine, name: 'target', prefix: '/target', targets: ['http://u:p@host/x?y=1', 'ftp://x'] },
    'h-noexport.mjs': 'export const x = 1',
    'i-throws.mjs': "throw new Error('broken file')",
    'j-plain.mjs':
      "export default async function (app) { app.get('/plain', () => 1); app.get('/fine', { config: { auth: 'none' } }, () => 1) }",
    'k-yaml.yaml': 'name: [unclosed',
    'l-noroutes.json': { ...fine, name: 'noroutes', prefix: '/noroutes', routes: [] },
    'm-body.json': {
      ...fine,
      name: 'body',
      prefix: '/body',
      routes: [{ method: 'GET', url: '/', schema: { body: { type: 'object' } } }],
    },
  })
  const error = await buildApp(testConfig(folder)).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BootProblems, String(error))
  const text = error.message
  const expected: [string, RegExp][] = [
    ['b-typo.json', /prefx.*prefix/],
    ['c-noauth.json', /routes\[0\]\.auth: missing/],
    ['d-pattern.json', /routes\[0\]\.url: .*wildcard/],
    ['d-pattern.json', /routes\[1\]\.rewritePath: .*"other"/],
    ['e-collide.json', /routes\[0\]: GET \/fine .*a-fine\.json/],
    ['f-name.json', /name: found "fine".*a-fine\.json/],
    ['g-target.json', /targets\[1\]/],
    ['h-noexport.mjs', /default export: found none/],
    ['i-throws.mjs', /:1: failed while it was loaded: broken file/],
    ['j-plain.mjs', /GET \/plain: config\.auth: missing/],
    ['j-plain.mjs', /GET \/fine .*a-fine\.json/],
    ['k-yaml.yaml', /:1: is not valid YAML/],
    ['l-noroutes.json', /routes: .*no route/],
    ['m-body.json', /routes\[0\]\.schema\.body/],
  ]
  for (const [file, pattern] of expected) {
    assert.ok(
      text.split('\n').some((line) => line.includes(file) && pattern.test(line)),
      `${file} ${pattern} in:\n${text}`,
    )
  }
  assert.ok(!text.split('\n').some((line) => line.startsWith('a-fine') || /\/a-fine\.json: /.test(line)), text)
  assert.doesNotMatch(text, /\n\s+at /, 'no stack')
})

test('what is wrong with schemas and documents is told with the rest, and mistakes of a file hide no others of it', async (t) => {
  const folder = await routesFolder(t, {
    'a.json': {
      ...fine,
      routes: [
        { method: 'GET', url: '/', schema: { params: { type: 'objec' } } },
        { method: 'GET', url: '/b' },
      ],
    },
    'b.json': {
      ...fine,
      name: 'b',
      bodyLimit: 'much',
      auth: undefined,
      targets: ['ftp://x', 'http://u:p@x'],
      routes: [
        { method: 'GET', url: '/a', schema: { bodi: {} } },
        { method: 'GET', url: '/b', auth: { jwd: {} } },
        { metod: 'GET', url: '/c' },
        { method: 'GET', url: '/:id', rewritePath: '/:other', redirect: { status: 200 } },
        { method: 'PUT', url: '/', websocket: true, auth: 'none', schema: { consumes: ['nonsense'] } },
        { method: 'GET', url: '/d', rateLimit: { max: 1, window: 0 } },
        5,
      ],
    },
    'c.json': { ...fine, name: 'b', prefix: '/c', routes: 5 },
    'd.json': { ...fine, name: 'd', prefx: '/d', auht: 'none', auth: undefined, passThrough: { auht: 'none' } },
  })
  const openapi = await routesFolder(t, { 'gateway.yaml': 'info: { title: x }' })
  const error = await buildApp(testConfig(folder, { openapi, jwt: { publicKey: 'no key' } })).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BootProblems, String(error))
  const fields = error.problems.map(({ file, field }) => `${basename(file)} ${field}`)
  assert.deepEqual(
    [...new Set(fields)].sort(),
    [
      'a.json GET /fine: schema.params',
      'b.json bodyLimit',
      'b.json routes[0].auth',
      'b.json routes[0].schema.bodi',
      'b.json routes[1]',
      'b.json routes[1].auth.jwd',
      'b.json routes[2].metod',
      'b.json routes[3].auth',
      'b.json routes[3].redirect.status',
      'b.json routes[3].redirect.to',
      'b.json routes[3].rewritePath',
      'b.json routes[4].schema.consumes',
      'b.json routes[4].schema.consumes[0]',
      'b.json routes[4].websocket',
      'b.json routes[5].auth',
      'b.json routes[5].rateLimit.window',
      'b.json routes[6]',
      'b.json targets[0]',
      'b.json targets[1]',
      'c.json name',
      'c.json routes',
      'configuration jwt.publicKey',
      'd.json auht',
      'd.json passThrough.auht',
      'd.json prefx',
      'gateway.yaml info.version',
    ].sort(),
  )
})

test('a missing routes folder is one clear problem', async () => {
  await assert.rejects(buildApp(testConfig('/nowhere/at/all')), /cannot be read: no such folder: create it/)
})

test('the gateway-wide auth is inherited', async (t) => {
  const folder = await routesFolder(t, { 'a.json': { ...fine, auth: undefined } })
  const app = await buildApp(testConfig(folder, { auth: 'none' }))
  t.after(() => app.close())
  assert.equal(app.routeTable.rows[0]!.auth, 'none')
})
