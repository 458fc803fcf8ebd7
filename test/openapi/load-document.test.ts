import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadApiDocument, type LoadOptions } from '../../src/openapi/load-document.ts'

/** A folder `openapi` with files, in a folder of its own. */
export function documents (t: TestContext, files: Record<string, string>): LoadOptions {
  const baseDir = mkdtempSync(join(tmpdir(), 'gatehouse-documents-'))
  t.after(() => rmSync(baseDir, { recursive: true }))
  const folder = join(baseDir, 'openapi')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return { folder, baseDir }
}

const PETS = `openapi: 3.0.3
info: { title: Pets, version: '1' }
paths:
  /pets/{petId}:
    x-gatehouse-timeout: 5s
    parameters:
      - { name: petId, in: path, required: true, schema: { type: string } }
      - { name: limit, in: query, schema: { type: integer } }
    get:
      operationId: getPet
      x-gatehouse-cache: 1m
      parameters:
        - $ref: '#/components/parameters/Limit'
        - { name: Accept, in: header, schema: { type: string } }
      responses:
        2xx:
          description: the pet
          content:
            application/json; charset=utf-8:
              schema: { $ref: '#/components/schemas/Pet' }
components:
  parameters:
    Limit: { name: limit, in: query, style: pipeDelimited, schema: { type: array, items: { type: integer } } }
  schemas:
    Pet: { type: object, properties: { name: { type: string, nullable: true } } }
`

test('a document of OpenAPI 3.0 is lifted, and its operations have all that they inherit', async (t) => {
  const document = await loadApiDocument('pets.yaml', documents(t, { 'pets.yaml': PETS }))
  assert.equal(document.name, 'openapi/pets.yaml')
  assert.equal(document.version, '3.0.3')
  assert.deepEqual(document.root.components.schemas.Pet.properties.name, { type: ['string', 'null'] })
  const [operation] = document.operations
  assert.ok(operation)
  const { object, ...rest } = operation
  assert.equal(object.operationId, 'getPet')
  assert.deepEqual(rest, {
    method: 'GET',
    path: '/pets/{petId}',
    operationId: 'getPet',
    pointer: '/paths/~1pets~1{petId}/get',
    where: 'openapi/pets.yaml:9',
    parameters: [
      { in: 'path', name: 'petId', required: true, style: 'simple', explode: false, schemaPointer: '/paths/~1pets~1{petId}/parameters/0/schema' },
      { in: 'query', name: 'limit', required: false, style: 'pipeDelimited', explode: false, schemaPointer: '/components/parameters/Limit/schema' },
    ],
    body: null,
    responses: [{
      status: '2XX',
      content: [{ type: 'application/json', schemaPointer: '/paths/~1pets~1{petId}/get/responses/2xx/content/application~1json; charset=utf-8/schema', encoding: {} }],
      headers: [],
    }],
    security: null,
    extensions: { 'x-gatehouse-timeout': '5s', 'x-gatehouse-cache': '1m' },
  })
})
