import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadText, withSchemas } from './document-folder.ts'

test('schemas of OpenAPI 3.0 become those of 3.1', async (t) => {
  const { root, notes } = await loadText(
    t,
    withSchemas(`
    A: { type: string, nullable: true, enum: [a, b] }
    B: { $ref: '#/components/schemas/A', nullable: true, description: text, maxLength: 3 }
    C: { type: object, nullable: true, allOf: [{ $ref: '#/components/schemas/A' }], readOnly: true }
    D: { type: integer, minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false, example: 5 }
    E: { oneOf: [{ nullable: true }, { type: string }] }
    F: { type: object, properties: { nullable: { type: string }, example: { type: string, format: binary }, default: { type: string, format: byte } }, default: { nullable: true, type: x } }`),
  )
  const { A, B, C, D, E, F } = root.components.schemas
  assert.deepEqual(A, { type: ['string', 'null'], enum: ['a', 'b'] })
  assert.deepEqual(B, { description: 'text', anyOf: [{ $ref: '#/components/schemas/A' }, { type: 'null' }] })
  assert.deepEqual(C, {
    readOnly: true,
    anyOf: [{ type: 'object', allOf: [{ $ref: '#/components/schemas/A' }] }, { type: 'null' }],
  })
  assert.deepEqual(D, { type: 'integer', exclusiveMinimum: 1, maximum: 9, examples: [5] })
  assert.deepEqual(E, { oneOf: [{ type: 'null' }, { type: 'string' }] })
  assert.deepEqual(F, {
    type: 'object',
    properties: {
      nullable: { type: 'string' },
      example: { contentMediaType: 'application/octet-stream' },
      default: { type: 'string', format: 'byte', contentEncoding: 'base64' },
    },
    default: { nullable: true, type: 'x' },
  })
  assert.deepEqual(notes, ['what stands beside a "$ref" is ignored, as OpenAPI 3.0 says (openapi/api.yaml:8)'])
})

const SWAGGER = `swagger: '2.0'
info: { title: T, version: '1' }
host: api.example.com
basePath: /v1
schemes: [https]
consumes: [application/json]
parameters:
  Body: { in: body, name: body, required: true, schema: { $ref: '#/definitions/Pet' } }
definitions:
  Pet: { type: object, x-nullable: true, properties: { id: { type: integer, minimum: 0, exclusiveMinimum: true } } }
securityDefinitions: { key: { type: apiKey, in: header, name: X-Key }, o: { type: oauth2, flow: accessCode, authorizationUrl: 'https://a/', tokenUrl: 'https://b/' } }
security: [{ key: [] }]
paths:
  /pets:
    post: { responses: { '200': { description: ok, schema: { $ref: '#/definitions/Pet' } } } }
    parameters: [{ $ref: '#/parameters/Body' }]
    x-team: null
  /lists:
    get:
      parameters:
        - { in: query, name: csv, type: array, items: { type: integer } }
        - { in: query, name: ssv, type: array, collectionFormat: ssv, items: { type: integer } }
        - { in: query, name: pipes, type: array, collectionFormat: pipes, items: { type: integer } }
        - { in: query, name: multi, type: array, collectionFormat: multi, items: { type: integer } }
        - { in: query, name: tsv, type: array, collectionFormat: tsv, items: { type: integer } }
        - { in: header, name: X-Pipes, type: array, collectionFormat: pipes, items: { type: integer } }
      responses: { '200': { description: file, schema: { type: file } } }
  /form:
    post:
      parameters: [{ in: formData, name: tags, type: array, items: { type: string }, required: true }]
      responses: {}
`

test('Swagger 2.0 keeps all that it says when it is lifted', async (t) => {
  const document = await loadText(t, SWAGGER)
  const [pets, lists, form] = document.operations
  assert.deepEqual(document.root.servers, [{ url: 'https://api.example.com/v1' }])
  assert.deepEqual(document.root.components.schemas.Pet, {
    type: ['object', 'null'],
    properties: { id: { type: 'integer', exclusiveMinimum: 0 } },
  })
  assert.deepEqual(document.root.components.securitySchemes.o.flows, {
    authorizationCode: { authorizationUrl: 'https://a/', tokenUrl: 'https://b/', scopes: {} },
  })
  assert.deepEqual(pets!.body, {
    required: true,
    content: [
      {
        type: 'application/json',
        schemaPointer: '/paths/~1pets/post/requestBody/content/application~1json/schema',
        encoding: {},
      },
    ],
  })
  assert.deepEqual(pets!.security, [{ key: [] }])
  assert.deepEqual(pets!.extensions, { 'x-team': null })
  assert.deepEqual(
    lists!.parameters.map(({ name, style, explode }) => [name, style, explode]),
    [
      ['csv', 'form', false],
      ['ssv', 'spaceDelimited', false],
      ['pipes', 'pipeDelimited', false],
      ['multi', 'form', true],
      ['tsv', 'form', true],
      ['X-Pipes', 'simple', false],
    ],
  )
  const schemaOf = (place: number) => document.root.paths['/lists'].get.parameters[place].schema
  assert.deepEqual(
    [schemaOf(0), schemaOf(4), schemaOf(5)],
    [{ type: 'array', items: { type: 'integer' } }, { type: 'string' }, { type: 'string' }],
  )
  assert.ok(
    document.notes.some((note) =>
      note.startsWith('a list with "collectionFormat: tsv" in a query or form is checked as text'),
    ),
  )
  assert.equal(form!.body!.required, true)
  assert.deepEqual(
    form!.body!.content.map(({ type, encoding }) => [type, encoding.tags]),
    [
      ['application/x-www-form-urlencoded', { style: 'form', explode: false }],
      ['multipart/form-data', { style: 'form', explode: false }],
    ],
  )
})
