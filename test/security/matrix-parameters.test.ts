import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { apiConfig, apiDocument } from '../support/api-gateway.ts'
import { JWT_SECRET, listening } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, type Recorder, startRecorder } from './wire.ts'

const LIST = { type: 'array', items: { type: 'string' } }
const operation = (schema: object, more: object = {}): object => ({
  parameters: [{ name: 'color', in: 'path', required: true, style: 'matrix', schema }],
  responses: { 200: { description: 'ok' } },
  ...more,
})
const JWT = { jwt: {} }

interface Started {
  backend: Recorder
  ask: (path: string, method?: string, host?: string) => Promise<number>
}

async function start(
  t: TestContext,
  paths: object,
  upstream: object = {},
  others: (target: string) => Record<string, unknown> = () => ({}),
): Promise<Started> {
  const backend = await startRecorder(t)
  const api = { name: 'api', auth: 'none', targets: [backend.url], openapi: 'api.json', ...upstream }
  const documents = { 'api.json': apiDocument(paths) }
  const { port } = await listening(
    t,
    await buildApp(
      await apiConfig(t, { 'api.json': api, ...others(backend.url) }, documents, { jwt: { secret: JWT_SECRET } }),
    ),
  )
  return {
    backend,
    ask: async (path, method = 'GET', host = 'x') =>
      (await rawRequest(port, get(path, '', '1.1', host).replace('GET', method), { timeoutMs: 20_000 })).status,
  }
}

async function refusesAll({ ask, backend }: Started, paths: readonly string[], status = 400): Promise<void> {
  const before = backend.targets().length
  for (const path of paths) assert.equal(await ask(path), status, path)
  assert.deepEqual(backend.targets().slice(before), [])
}

const CARS = {
  '/cars/{color}': { get: operation(LIST) },
  '/vans{color}/seats': { get: operation({ type: 'string', maxLength: 9 }) },
}

test('a matrix parameter reaches the service byte for byte', async (t) => {
  const { ask, backend } = await start(t, CARS)
  const paths = [
    '/cars/;color=blue,black',
    '/cars/;color=a%3Bb',
    '/cars/;color=a%2Cb,c',
    '/cars/;color=..',
    '/cars/;color=..%2F',
    '/cars/;color',
    '/cars/;color=a=b?x=1;y=2',
    '/cars/;color=%C3%A9',
    '/vans;color=blue/seats',
    '/vans;color=/seats',
  ]
  for (const path of paths) assert.equal(await ask(path), 200, path)
  assert.deepEqual(
    backend.targets(),
    paths.map((path) => `GET ${path}`),
  )
})

/** Written in other ways than declared, or with a semicolon in another place. */
const ELSEWHERE = [
  '/cars/;colour=blue',
  '/cars/;Color=blue',
  '/cars/;color=blue;color=red',
  '/cars/;color=blue;admin=1',
  '/cars/;admin=1;color=blue',
  '/cars/;color=blue;',
  '/cars/;;color=blue',
  '/cars/;',
  '/cars/;=',
  '/cars/x;color=blue',
  '/cars/%3Bx;color=blue',
  '/cars/.;color=blue',
  '/cars/..;color=blue',
  '/cars/..;/admin',
  '/..;/cars/;color=blue',
  '/cars/%2e%2e;color=blue',
  '/cars/;color=%2F..%2F..',
  '/cars/;color=..;/..',
  '/cars/;color=blue/../admin',
  '/cars/;color=blue/..;/admin',
  '/cars;color=red/;color=blue',
  '/;x/cars/;color=blue',
  '/cars;color=blue',
  '/cars;color=blue/',
  '/cars/;color=blue/',
  '/cars/;color=blue/;x',
  '/cars/;color=blue;/seats',
  '/cars/;color=%zz',
  '/cars/;color=%ff',
  '/cars/;color=%00',
  '/cars/;color=a\\b',
  '/cars/;color%3Dblue',
  '/vans/;color=blue/seats',
  '/vans;color=blue',
  '/vans;color=blue/seats;x',
  '/vans;color=blue/;seats',
  '/vans;color=blue;/seats',
  '/vansx;color=blue/seats',
  '/van;color=blue/seats',
  '/vans;color=blue%3B;x/seats',
  '/other;color=blue',
  '/other/;color=blue',
  '/;color=blue',
  '/docs;color=blue',
  '/docs/;color=blue',
  'http://x/other;color=blue',
]

for (const mode of ['enforce', 'report', 'off']) {
  test(`a semicolon in any other place is refused (${mode})`, async (t) => {
    const started = await start(t, CARS, { requestValidation: mode, passThrough: true })
    await refusesAll(started, ELSEWHERE)
    for (const method of ['POST', 'OPTIONS', 'HEAD', 'DELETE']) {
      assert.equal(await started.ask('/cars/;colour=blue', method), 400, method)
    }
    // the pass-through takes the methods that the document has not
    assert.equal(await started.ask('/cars/;color=blue', 'POST'), 400)
    assert.equal(await started.ask('/cars/;color=blue'), 200)
  })
}

test('an encoded semicolon begins no parameter, and without any there is none', async (t) => {
  await refusesAll(await start(t, CARS), [
    '/cars/%3Bcolor=blue',
    '/cars/%3bcolor%3dblue',
    '/cars/blue',
    '/vans%3Bcolor=blue/seats',
    '/vansale/seats',
  ])
  await refusesAll(await start(t, CARS, { requestValidation: 'off' }), [
    '/cars/%3Bcolor=blue',
    '/vans%3Bcolor=blue/seats',
  ])
})

test('names that an exploded object does not declare are refused, whatever is validated', async (t) => {
  const explode = (schema: object) =>
    operation(schema, {
      parameters: [{ name: 'color', in: 'path', required: true, style: 'matrix', explode: true, schema }],
    })
  const properties = { R: { type: 'integer' }, G: { type: 'integer' } }
  const paths = {
    '/a{color}': { get: explode({ type: 'object', properties }) },
    '/b{color}': { get: explode({ type: 'object', properties, additionalProperties: { type: 'integer' } }) },
  }
  const started = await start(t, paths, { requestValidation: 'off' })
  await refusesAll(started, [
    '/a;admin=1',
    '/a;R=1;admin=1',
    '/a;R=1;R=2',
    '/a;__proto__=1',
    '/a;constructor=1',
    '/b;R=1;R=2',
    '/b;x=1;x=2',
  ])
  for (const path of ['/a;R=1;G=2', '/a;G=1', '/b;R=1;x=2']) assert.equal(await started.ask(path), 200, path)
})

const COLOR = {
  '/cars{color}': { get: operation({ type: 'string' }) },
  '/cars/{color}': { get: operation({ type: 'string' }) },
}
const READ_AS_CARS = ['/cars;color=blue', '/cars/;color=blue', '/cars;color=a%2Fb']

test('a service that takes path parameters away is led to no route of another file that asks for more', async (t) => {
  const guarded =
    (more: object, url = '/cars', method = 'GET') =>
    (target: string) => ({
      'guarded.json': { name: 'guarded', auth: 'none', targets: [target], routes: [{ method, url, ...more }] },
    })
  await refusesAll(await start(t, COLOR, {}, guarded({ auth: JWT })), READ_AS_CARS)
  await refusesAll(await start(t, COLOR, {}, guarded({ auth: JWT }, '/Cars/')), READ_AS_CARS)
  await refusesAll(await start(t, COLOR, {}, guarded({ auth: JWT }, '/:any', 'POST')), READ_AS_CARS)
  await refusesAll(await start(t, COLOR, {}, guarded({ rateLimit: { max: 1, window: '1h' } }, '/:any')), READ_AS_CARS)
  await refusesAll(
    await start(
      t,
      COLOR,
      {},
      guarded({ schema: { querystring: { type: 'object', properties: { n: { type: 'integer' } } } } }),
    ),
    READ_AS_CARS,
  )
  await refusesAll(await start(t, COLOR, {}, guarded({ auth: JWT }, '/cars/secret')), [
    '/cars/;color=%2Fsecret',
    '/cars;color=%2fsecret',
    '/cars/;color=%5Csecret',
  ])
  const open = await start(t, COLOR, {}, guarded({ auth: JWT }, '/vans'))
  for (const path of READ_AS_CARS) assert.equal(await open.ask(path), 200, path)
})

test('of two operations of one document, authentication and limits count', async (t) => {
  const list = (more: object = {}) => ({
    get: {
      parameters: [{ name: 'n', in: 'query', schema: { type: 'integer' } }],
      responses: { 200: { description: 'ok' } },
      ...more,
    },
  })
  const { ask } = await start(t, { ...COLOR, '/cars': list() })
  for (const path of READ_AS_CARS) assert.equal(await ask(path), 200, path)
  await refusesAll(
    await start(t, { ...COLOR, '/cars': list({ 'x-gatehouse-rate-limit': { max: 1, window: '1h' } }) }),
    READ_AS_CARS,
  )
  await refusesAll(
    await start(t, { ...COLOR, '/cars': list() }, { routes: [{ method: 'GET', url: '/cars', auth: JWT }] }),
    READ_AS_CARS,
  )
})

test('other hosts and other routes refuse semicolons as ever', async (t) => {
  const started = await start(t, COLOR, { hosts: ['api.example.com'] }, (target) => ({
    'open.json': {
      name: 'open',
      auth: 'none',
      targets: [target],
      passThrough: true,
      routes: [{ method: 'GET', url: '/vans/:color' }],
    },
  }))
  await refusesAll(started, ['/cars;color=blue', '/cars/;color=blue', '/vans/;color=blue', '/vans;color=blue'])
  assert.equal(await started.ask('/cars;color=blue', 'GET', 'api.example.com'), 200)
  assert.equal(await started.ask('/vans/;color=blue', 'GET', 'api.example.com'), 400)
})

test('a prefix is taken off, and a route of the file goes before the operation', async (t) => {
  const { ask, backend } = await start(t, COLOR, {
    prefix: '/shop',
    stripPrefix: true,
    routes: [{ method: 'GET', url: '/cars/:color', auth: JWT }],
  })
  assert.equal(await ask('/shop/cars/;color=blue'), 401)
  assert.equal(await ask('/shop/cars;color=blue'), 200)
  assert.deepEqual(backend.targets(), ['GET /cars;color=blue'])
  const rewritten = start(t, COLOR, { routes: [{ method: 'GET', url: '/cars/:color', rewritePath: '/v2/:color' }] })
  await assert.rejects(rewritten, /rewritePath: cannot write a matrix parameter as it came/)
})
