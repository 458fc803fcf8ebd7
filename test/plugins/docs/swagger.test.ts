import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { buildApp } from '../../../src/app.ts'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { JWT_SECRET, startGateway, testConfig } from '../../support/gateway.ts'
import { validDocument } from '../../support/valid-document.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 10 }
const id = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } } }
const files = {
  'a.json': {
    name: 'a',
    prefix: '/a',
    targets: ['http://127.0.0.1:1'],
    auth: { jwt: { scopes: ['a:read'] } },
    rateLimit: { max: 7, window: '1 minute' },
    routes: [
      {
        method: 'GET',
        url: '/:id(^\\d+$)',
        schema: {
          summary: 'Read',
          params: id,
          response: { 200: { type: 'object' }, '4xx': { type: 'string' }, default: { type: 'object' } },
        },
      },
      {
        method: 'POST',
        url: '/',
        schema: {
          body: { type: 'object' },
          consumes: ['application/json', 'application/x-www-form-urlencoded'],
          response: { 201: { type: 'object' } },
        },
      },
      {
        method: 'DELETE',
        url: '/:id',
        auth: 'none',
        rateLimit: false,
        schema: { response: { 204: { type: 'null', description: 'Gone.' } } },
      },
      { method: 'GET', url: '/hidden', schema: { hide: true } },
      { method: 'GET', url: '/files/*' },
      { method: 'QUERY', url: '/find' },
    ],
  },
  'b.json': {
    name: 'b',
    hosts: ['*.example.com'],
    auth: 'none',
    targets: ['http://127.0.0.1:1'],
    routes: [{ method: 'GET', url: '/b/:name.:ext' }],
  },
  'gateway.yaml.txt': '',
}

test('the document is valid for two independent validators, and tells the truth about each route', async (t) => {
  const { app, url } = await startGateway(t, files, { jwt })
  const document = (await (await fetch(`${url}/docs/json`)).json()) as Record<string, any>
  assert.equal(document.openapi, '3.1.0')
  await validDocument(document)
  assert.deepEqual(parse(await (await fetch(`${url}/docs/yaml`)).text()), document)

  assert.deepEqual(Object.keys(document.paths).sort(), ['/a', '/a/{id}', '/b/{name}.{ext}'])
  const read = document.paths['/a/{id}'].get
  assert.deepEqual(read.security, [{ jwt: ['a:read'] }])
  assert.deepEqual(read.tags, ['a'])
  assert.equal(read.parameters[0].schema.type, 'integer')
  assert.match(read.description, /At most 7 requests in 60 s/)
  assert.deepEqual(read['x-rate-limit'], [{ name: 'upstream:a', max: 7, windowSeconds: 60, by: 'consumer' }])
  assert.deepEqual(
    Object.keys(read.responses).sort(),
    ['200', '400', '401', '403', '429', '4XX', '502', '503', '504', 'default'].sort(),
  )
  assert.deepEqual(Object.keys(document.paths['/a'].post.requestBody.content), [
    'application/json',
    'application/x-www-form-urlencoded',
  ])
  assert.ok('415' in document.paths['/a'].post.responses && '413' in document.paths['/a'].post.responses)
  const remove = document.paths['/a/{id}'].delete
  assert.equal(remove.security, undefined)
  assert.equal(remove.responses['429'], undefined)
  assert.equal(remove.responses['204'].content, undefined)
  assert.equal(document.paths['/b/{name}.{ext}'].get.servers[0].url, 'https://{label}.example.com')
  const ids = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  assert.equal(new Set(ids).size, ids.length)
  assert.doesNotMatch(JSON.stringify(document), /\.host-|~kind/)
  assert.equal(JSON.stringify(app.swagger()), JSON.stringify(document))
})

/** A file whose routes stand for operations of a document, as an import makes them. */
const catalog = `
const root = {
  info: { title: 'Catalog API', version: '7' }, tags: [{ name: 'things', description: 'What there is.' }],
  paths: { '/things/{thing-id}': {
    get: { tags: ['things'], operationId: 'readThing', parameters: [{ name: 'thing-id', in: 'path', required: true, schema: { type: 'integer' } }], responses: { 200: { description: 'One.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } } } },
    delete: { tags: ['things'], responses: { 204: { description: 'Gone.' } } },
    put: { tags: ['things'], responses: { 204: { description: 'Stored.' } } },
  } },
  components: { schemas: { Thing: { type: 'object', properties: { parts: { type: 'array', items: { $ref: '#/components/schemas/Thing' } } } } } },
}
export default async (app) => {
  for (const method of ['get', 'delete', 'put']) {
    const operation = { method: method.toUpperCase(), path: '/things/{thing-id}', operationId: method === 'get' ? 'readThing' : undefined, pointer: '/paths/~1things~1{thing-id}/' + method, where: 'x:1', object: root.paths['/things/{thing-id}'][method], parameters: [], body: null, responses: [], security: null, extensions: method === 'delete' ? { 'x-internal': true } : {} }
    app.route({
      method: operation.method, url: '/catalog/things/:p0', schema: { tags: ['catalog'] }, handler: async () => method,
      config: { auth: method === 'put' ? { jwt: { scopes: ['admin:things'] } } : 'none', upstream: 'catalog', api: { document: { name: 'catalog.yaml', version: '3.1.0', root, operations: [operation], notes: [] }, operation } },
    })
  }
}`

test('upstreams have documents of their own, in JSON and YAML', async (t) => {
  const { app, url } = await startGateway(
    t,
    { ...files, 'catalog.ts': catalog },
    { jwt, docs: { hideScopes: ['admin:*'] } },
  )
  const whole = (await (await fetch(`${url}/docs/json`)).json()) as Record<string, any>
  assert.deepEqual(
    Object.keys(whole.paths['/catalog/things/{thing-id}']),
    ['get'],
    'internal operations, and those for which a hidden scope is needed, are left out',
  )
  assert.equal((await fetch(`${url}/catalog/things/1`, { method: 'DELETE' })).status, 200)
  assert.equal((await fetch(`${url}/catalog/things/1`, { method: 'PUT' })).status, 401)
  assert.ok('catalog.Thing' in whole.components.schemas)
  assert.deepEqual(whole.paths['/catalog/things/{thing-id}'].get.tags, ['catalog'])
  assert.deepEqual(whole.tags, [{ name: 'catalog', description: 'Catalog API' }])

  const answer = await fetch(`${url}/docs/upstreams/catalog.json`)
  assert.match(answer.headers.get('content-type')!, /^application\/json/)
  const single = await validDocument((await answer.json()) as object)
  assert.deepEqual(single.info, { title: 'Catalog API', version: '7' })
  assert.deepEqual(single.tags, [{ name: 'things', description: 'What there is.' }])
  assert.deepEqual(Object.keys(single.paths), ['/catalog/things/{thing-id}'])
  assert.deepEqual(Object.keys(single.components.schemas), ['Problem', 'Thing'])
  const yaml = await fetch(`${url}/docs/upstreams/catalog.yaml`)
  assert.match(yaml.headers.get('content-type')!, /^application\/yaml/)
  assert.deepEqual(parse(await yaml.text()), single)
  const a = await validDocument((await (await fetch(`${url}/docs/upstreams/a.json`)).json()) as object)
  assert.deepEqual(Object.keys(a.paths), ['/a/{id}', '/a'])
  assert.equal(a.info.title, 'a')

  assert.deepEqual(app.portal.upstreams(), ['a', 'b', 'catalog'])
  for (const unknown of ['d.json', 'a.xml', 'a', '__proto__.json', 'a.json/x', 'a.jsonx', 'a.xyaml', 'a.b.json']) {
    const refused = await fetch(`${url}/docs/upstreams/${unknown}`)
    assert.equal(refused.status, 404, unknown)
    assert.equal(((await refused.json()) as { code: string }).code, 'GW_NOT_FOUND')
  }
})

test('HEAD is answered like GET, without a body', async (t) => {
  const { url } = await startGateway(t, files, { jwt })
  for (const path of [
    '',
    '/',
    '/json',
    '/yaml',
    '/upstreams/a.json',
    '/upstreams/a.yaml',
    '/static/index.css',
    '/static/swagger-initializer.js',
    '/static/documents.json',
    '/static/theme/gatehouse.css',
  ]) {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) =>
        fetch(`${url}/docs${path}`, { method, headers: { 'accept-encoding': 'identity' } }),
      ),
    )
    assert.equal(head!.status, 200, path)
    const kept = ({ headers }: Response) =>
      ['content-type', 'content-length', 'content-security-policy', 'cache-control'].map((name) => headers.get(name))
    assert.deepEqual(kept(head!), kept(get!), path)
    assert.equal(await head!.text(), '', path)
    assert.notEqual(await get!.text(), '', path)
  }
  assert.equal((await fetch(`${url}/docs/upstreams/z.json`, { method: 'HEAD' })).status, 404)
})

test('the sample routes make a valid document', async (t) => {
  const folder = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url))
  const app = await buildApp({ ...testConfig(folder('routes'), { jwt }), openapi: folder('openapi') })
  t.after(() => app.close())
  const document = app.swagger()
  await validDocument(document)
  assert.equal(document.info.title, 'Gatehouse demo')
})

test('Swagger UI asks no other host and allows none', async (t) => {
  const { url } = await startGateway(t, files, { jwt })
  const page = await fetch(`${url}/docs`)
  assert.equal(page.status, 200)
  const html = await page.text()
  assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//)
  assert.match(page.headers.get('content-security-policy')!, /default-src 'self'/)
  const script = await fetch(`${url}/docs/static/swagger-ui-bundle.js`, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(script.status, 200)
  assert.equal(script.headers.get('content-encoding'), 'gzip')
})

test('documentation can be switched off, moved, or put behind auth', async (t) => {
  const off = await startGateway(t, files, { jwt, docs: false })
  assert.equal((await fetch(`${off.url}/docs`)).status, 404)
  const moved = await startGateway(t, files, {
    jwt,
    docs: { path: '/api/explorer', auth: { jwt: { scopes: ['docs'] } } },
  })
  assert.equal((await fetch(`${moved.url}/docs`)).status, 404)
  const { app } = moved
  for (const path of [
    '',
    '/',
    '/json',
    '/yaml',
    '/static/index.html',
    '/static/swagger-ui-bundle.js',
    '/static/swagger-initializer.js',
    '/static/documents.json',
    '/upstreams/a.json',
    '/upstreams/none.yaml',
  ]) {
    assert.equal((await fetch(`${moved.url}/api/explorer${path}`, { redirect: 'manual' })).status, 401, path)
  }
  const authorization = `Bearer ${signToken(jwt, { sub: 'me', scopes: ['docs'] })}`
  assert.equal((await fetch(`${moved.url}/api/explorer/json`, { headers: { authorization } })).status, 200)
  assert.ok(app)
})
