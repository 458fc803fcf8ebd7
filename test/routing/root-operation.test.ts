import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'

const operation = (operationId: string): object => ({
  operationId,
  parameters: [{ name: 'n', in: 'query', schema: { type: 'integer' } }],
  responses: { 200: { description: 'ok' } },
})
const document = apiDocument(
  {
    '/': { get: operation('root'), post: operation('create') },
    '/{id}': {
      get: {
        ...operation('one'),
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      },
    },
  },
  { servers: [{ url: 'https://x.test/api' }] },
)

test('the path / of a document answers with and without the slash below a prefix', async (t) => {
  const { url, backend, app } = await startApiGateway(t, document, {
    prefix: '/a',
    stripPrefix: true,
    rateLimit: { max: 5, window: '1 hour' },
  })
  const target = app.upstreams.get('api')
  assert.ok(target)
  for (const path of ['/a', '/a/', '/a?n=1', '/a/?n=1']) {
    const response = await fetch(url + path)
    await response.text()
    assert.equal(response.status, 200, path)
    assert.equal(backend.received.at(-1)!.url, `/${path.slice(path.includes('?') ? path.indexOf('?') : path.length)}`)
  }
  for (const path of ['/a?n=x', '/a/?n=x']) {
    assert.notEqual((await fetch(url + path)).status, 200, 'both are checked, and counted together')
  }
  assert.equal((await fetch(`${url}/a/`)).status, 429)
})

test('other methods and spellings stay what they were', async (t) => {
  const { url, backend } = await startApiGateway(t, document, { prefix: '/a' })
  for (const [method, path, status] of [
    ['GET', '/a', 200],
    ['GET', '/a/', 200],
    ['HEAD', '/a/', 200],
    ['POST', '/a/', 200],
    ['POST', '/a', 200],
    ['GET', '/a//', 200],
    ['DELETE', '/a/', 405],
    ['GET', '/a/x', 200],
    ['GET', '/a/x/', 404],
    ['GET', '/', 404],
  ] as const) {
    const response = await fetch(url + path, { method })
    await response.text()
    assert.equal(response.status, status, `${method} ${path}`)
  }
  assert.deepEqual(
    backend.received.filter(({ method }) => method === 'GET').map((request) => request.url),
    ['/a', '/a/', '/a/', '/a/x'],
  )
})

test('a route of the file that goes before the operation does so in both spellings, and the published document has it once', async (t) => {
  const { url } = await startApiGateway(
    t,
    document,
    { prefix: '/a', routes: [{ method: 'GET', url: '/', auth: { jwt: {} } }] },
    { config: { jwt: { secret: 'a secret for tests, long enough for HS256' } } },
  )
  for (const path of ['/a', '/a/']) assert.equal((await fetch(url + path)).status, 401, path)
  const published = (await (await fetch(`${url}/docs/json`)).json()) as { paths: object }
  assert.deepEqual(Object.keys(published.paths), ['/a', '/a/{id}'])
})

test('without a prefix there is one spelling', async (t) => {
  const { url } = await startApiGateway(t, document)
  assert.equal((await fetch(`${url}/`)).status, 200)
})
