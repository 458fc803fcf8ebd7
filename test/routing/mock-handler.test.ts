import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { BootProblems } from '../../src/errors.ts'
import { mockHandler } from '../../src/routing/mock-handler.ts'
import { apiDocument } from '../support/api-document.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

const ORDER = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer', examples: [7] }, item: { type: 'string', examples: ['Tea'] } },
}
const mocked = (upstream: object = {}, route: object = {}): object => ({
  name: 'orders',
  prefix: '/orders',
  auth: 'none',
  mock: true,
  ...upstream,
  routes: [
    {
      method: 'GET',
      url: '/:id',
      schema: { response: { 200: ORDER, 404: { type: 'object', properties: { gone: { const: true } } } } },
    },
    { method: 'POST', url: '/', schema: { body: ORDER, response: { 201: ORDER } } },
    { method: 'DELETE', url: '/:id', schema: { response: { 204: { type: 'null' } } } },
    { method: 'GET', url: '/none', ...route },
  ],
})

test('a mock answers for a service that does not exist', async (t) => {
  const { url } = await startGateway(t, { 'orders.json': mocked() })
  const answer = await fetch(`${url}/orders/1`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('x-gatehouse-mock'), 'true')
  assert.match(answer.headers.get('content-type')!, /^application\/json/)
  assert.equal(answer.headers.get('vary'), 'Accept, Prefer')
  assert.deepEqual(await answer.json(), { id: 7, item: 'Tea' })
  const missing = await fetch(`${url}/orders/1`, { headers: { prefer: 'code=404' } })
  assert.equal(missing.status, 404)
  assert.deepEqual(await missing.json(), { gone: true })
  const gone = await fetch(`${url}/orders/1`, { method: 'DELETE' })
  assert.deepEqual([gone.status, await gone.text()], [204, ''])
  assert.equal((await fetch(`${url}/orders/none`)).status, 204)
})

test('HEAD has the headers of GET, and its length', async (t) => {
  const { url } = await startGateway(t, { 'orders.json': mocked() })
  const answer = await fetch(`${url}/orders/1`, { method: 'HEAD' })
  assert.deepEqual(
    [answer.status, await answer.text(), answer.headers.get('x-gatehouse-mock'), answer.headers.get('content-length')],
    [200, '', 'true', '21'],
  )
})

test('requests of a mock are authenticated, limited and validated', async (t) => {
  const { url } = await startGateway(
    t,
    {
      'orders.json': mocked({ rateLimit: { max: 3, window: '1 hour' } }),
      'secret.json': mocked({ name: 'secret', prefix: '/secret', auth: { jwt: {} } }),
    },
    { jwt: { secret: JWT_SECRET } },
  )
  assert.equal((await fetch(`${url}/secret/1`)).status, 401)
  const post = (body: string): Promise<Response> =>
    fetch(`${url}/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  assert.equal((await post('{"id": "x"}')).status, 400)
  assert.equal((await post('{"id": 1}')).status, 201)
  assert.equal(
    (await fetch(`${url}/orders`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).status,
    415,
  )
  assert.equal((await post('{"id": 1}')).status, 429)
})

test('a mock refuses with 406 what no answer has the form of', async (t) => {
  const { url } = await startGateway(t, { 'orders.json': mocked() })
  const answer = await fetch(`${url}/orders/1`, { headers: { accept: 'image/png' } })
  assert.equal(answer.status, 406)
  const problem = (await answer.json()) as { code: string; detail: string }
  assert.equal(problem.code, 'GW_NOT_ACCEPTABLE')
  assert.match(problem.detail, /application\/json/)
})

test('a route of its own is mocked, or is not', async (t) => {
  const { url } = await startGateway(t, {
    'orders.json': { ...mocked({ mock: undefined, targets: ['http://127.0.0.1:9'] }, { mock: { delay: '1ms' } }) },
  })
  assert.equal((await fetch(`${url}/orders/none`)).status, 204)
  assert.equal((await fetch(`${url}/orders/1`)).status, 502)
})

test('without a mock an upstream needs targets', async (t) => {
  const problems = async (file: object): Promise<string[]> => {
    try {
      await startGateway(t, { 'orders.json': file })
    } catch (error) {
      if (error instanceof BootProblems) return error.problems.map(({ field, message }) => `${field}: ${message}`)
      throw error
    }
    return []
  }
  assert.match((await problems(mocked({ mock: false }))).join(), /^targets: is missing/)
  assert.match((await problems(mocked({}, { mock: false }))).join(), /^routes\[3\]\.mock: found false/)
  assert.match((await problems(mocked({ passThrough: true }))).join(), /^passThrough: needs targets/)
  assert.match((await problems(mocked({ targets: [] }))).join(), /^targets: /)
  assert.match((await problems(mocked({ mock: { delay: 'long' } }))).join(), /^mock/)
  assert.deepEqual(await problems(mocked()), [])
})

test('the handler answers for an operation of a document, late when it is told to', async (t) => {
  const document = apiDocument({
    openapi: '3.1.0',
    paths: {
      '/pets': {
        get: {
          responses: {
            200: {
              description: '',
              headers: { 'X-Total': { example: 2 } },
              content: { 'application/json': { examples: { some: { value: [1, 2] }, none: { value: [] } } } },
            },
          },
        },
      },
    },
  })
  const app = Fastify()
  t.after(() => app.close())
  app.get('/pets', mockHandler({ document, operation: document.operations[0]! }, { delay: '20ms' }))
  const started = performance.now()
  const answer = await app.inject({ url: '/pets', headers: { prefer: 'example=none' } })
  assert.ok(performance.now() - started >= 19)
  assert.equal(answer.body, '[]')
  assert.equal(answer.headers['x-total'], '2')
  assert.equal(answer.headers['preference-applied'], 'example=none')
})
