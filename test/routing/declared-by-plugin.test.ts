import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { apiConfig, apiDocument } from '../support/api-gateway.ts'
import { startBackend } from '../support/backend.ts'
import { listening } from '../support/gateway.ts'

test('a hand-written plugin declares an upstream with a document', async (t) => {
  const backend = await startBackend(t)
  const plugin = `export default async (app) => { await app.declareUpstream({ name: 'pets', auth: 'none', targets: ['${backend.url}'], openapi: 'pets.json' }) }`
  const document = apiDocument({
    '/pets/{id}': {
      get: {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        responses: { 200: { description: 'OK' } },
      },
    },
  })
  const { url } = await listening(
    t,
    await buildApp(await apiConfig(t, { 'pets.mjs': plugin }, { 'pets.json': document })),
  )
  assert.equal((await fetch(`${url}/pets/5`)).status, 200)
  assert.equal((await fetch(`${url}/pets/five`)).status, 400)
})
