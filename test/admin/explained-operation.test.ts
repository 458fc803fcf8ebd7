import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { explain } from '../../src/admin/explain.ts'
import { buildApp } from '../../src/app.ts'
import { apiConfig, apiDocument } from '../support/api-gateway.ts'

const document = apiDocument({
  '/pets/{petId}': {
    parameters: [{ name: 'petId', in: 'path', required: true, schema: { type: 'integer' } }],
    get: {
      parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', maximum: 10 } }],
      responses: { 200: { description: 'OK' } },
    },
    put: {
      requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
      responses: { 200: { description: 'OK' } },
    },
  },
})

async function explained(t: TestContext, method: string, url: string, upstream: object = {}): Promise<string> {
  const app = await buildApp(
    await apiConfig(
      t,
      { 'api.json': { name: 'api', auth: 'none', targets: ['http://127.0.0.1:9'], openapi: 'api.json', ...upstream } },
      { 'api.json': document },
    ),
  )
  t.after(() => app.close())
  return (await explain(app, { method, url, headers: {} })).join('\n')
}

test('says what the document of an upstream has against a request', async (t) => {
  assert.match(
    await explained(t, 'GET', '/pets/5?limit=3'),
    /contract +operation GET \/pets\/\{petId\} \(.*api\.json:1\): fits\n/,
  )
  const broken = await explained(t, 'GET', '/pets/five?limit=30')
  assert.match(broken, /400 GW_VALIDATION: params\/petId integer; query\/limit at most 10/)
  assert.match(broken, /→ answered 400 GW_VALIDATION$/)
  const told = await explained(t, 'GET', '/pets/five', { requestValidation: 'report' })
  assert.match(told, /broken, which is only told of: params\/petId integer/)
  assert.match(told, /→ forwarded to api/)
  assert.match(
    await explained(t, 'GET', '/pets/five', { requestValidation: 'off' }),
    /\/pets\/\{petId\} \(.*\): not checked/,
  )
  const put = await explained(t, 'PUT', '/pets/5')
  assert.match(put, /body: application\/json, checked against the document/)
  assert.match(put, /→ forwarded to api .*, if its body fits the schema$/)
})

test('says when a mock answers', async (t) => {
  const text = await explained(t, 'GET', '/pets/5', { mock: true, targets: undefined })
  assert.match(text, /mock +answered by the gateway from the document/)
  assert.match(text, /→ answered by the mock$/)
})
