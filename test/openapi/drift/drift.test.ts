import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DriftRecord, DriftRegistry } from '../../../src/openapi/drift/drift-record.ts'
import { driftOverlay } from '../../../src/openapi/drift/drift-overlay.ts'
import type { ApiDocument, ApiOperation } from '../../../src/schema/types.ts'
import { FieldSearch, redacted } from '../../../src/openapi/drift/undeclared-fields.ts'

const root = {
  openapi: '3.1.0',
  paths: {
    '/pets': {
      get: {
        responses: {
          200: {
            content: { 'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Pet' } } } },
          },
        },
      },
    },
  },
  components: {
    schemas: {
      Pet: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          owner: { $ref: '#/components/schemas/Owner' },
          parent: { $ref: '#/components/schemas/Pet' },
          tags: { type: 'object', additionalProperties: { type: 'object', properties: { since: {} } } },
          anything: {},
        },
      },
      Owner: {
        allOf: [
          { type: 'object', properties: { id: {} } },
          { oneOf: [{ properties: { mail: {} } }, { properties: { phone: {} } }] },
        ],
      },
    },
  },
}
const schemaPointer = '/paths/~1pets/get/responses/200/content/application~1json/schema'
const operation = {
  method: 'GET',
  path: '/pets',
  pointer: '/paths/~1pets/get',
  where: 'pets.yaml:3',
  object: root.paths['/pets'].get,
  body: null,
  security: null,
  extensions: {},
  parameters: [
    {
      in: 'query',
      name: 'limit',
      required: false,
      style: 'form',
      explode: true,
      schemaPointer: null,
      mediaType: undefined,
    },
    { in: 'header', name: 'x', required: false, style: 'simple', explode: false, schemaPointer: null },
  ],
  responses: [{ status: '200', content: [{ type: 'application/json', schemaPointer, encoding: {} }], headers: [] }],
} as unknown as ApiOperation
const withQuery = {
  ...operation,
  parameters: [
    {
      in: 'query',
      name: 'limit',
      required: false,
      style: 'form',
      explode: true,
      schemaPointer: '/components/schemas/Pet/properties/name',
    },
  ],
} as unknown as ApiOperation
const document: ApiDocument = {
  name: 'openapi/pets.yaml',
  version: '3.1.0',
  root,
  operations: [withQuery, { ...operation, method: 'POST', pointer: '/paths/~1pets/post' }],
  notes: [],
}

test('fields that a schema does not speak of are found through references, lists, maps and combinations', () => {
  const search = new FieldSearch(root)
  const pet = {
    name: 'Rex',
    colour: 'red',
    owner: { id: 1, mail: 'a', phone: 'b', fax: 'c' },
    parent: { parent: { 'a/b*': 1 } },
    tags: { x: { since: 1, until: 2 } },
    anything: { at: { all: 1 } },
  }
  const found = search.in(schemaPointer, [pet, { name: 'Tom', size: 3 }])
  assert.deepEqual(Object.fromEntries(found), {
    '/*/colour': 'red',
    '/*/owner/fax': 'c',
    '/*/parent/parent/a~1b~2': 1,
    '/*/tags/*/until': 2,
    '/*/size': 3,
  })
  assert.deepEqual(
    Object.fromEntries(search.in('/components/schemas/Pet', { __proto__: null, constructor: 1, name: 'x' })),
    { '/constructor': 1 },
  )
})

test('a look is bounded, whatever a value is made of', () => {
  const search = new FieldSearch(root)
  let deep: object = { deep: 1 }
  for (let i = 0; i < 10_000; i++) deep = { parent: deep }
  assert.equal(search.in('/components/schemas/Pet', deep).size, 0)
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, i]))
  assert.equal(search.in('/components/schemas/Pet', wide).size, 50)
})

test('no value is told, only what it is like', () => {
  assert.deepEqual(['secret', '', 5, 5.5, true, null, [1, 2], { a: 1 }].map(redacted), [
    'text of 6 characters',
    'text of 0 characters',
    'integer',
    'number',
    'boolean',
    'null',
    'list of 2',
    'object with 1 field',
  ])
})

test('what traffic has and the document lacks is counted, and what nobody calls is told', () => {
  const record = new DriftRecord('pets', document, '/store', undefined)
  const pets = record.operation(withQuery)
  for (let i = 0; i < 3; i++) {
    pets.answered(i === 0 ? 404 : 200)
    pets.query({ limit: '1', page: '2' })
    pets.response(200, [{ name: 'Rex', colour: 'brown' }])
    pets.called()
  }
  record.undescribed('GET', '/store/pets/4711/toys')
  record.undescribed('GET', '/store/pets/4712/toys')
  record.undescribed('GET', '/store/users/somebody@example.com')
  const drift = record.describe()
  assert.deepEqual(drift.neverCalled, ['POST /pets'])
  assert.deepEqual(drift.undescribed, { 'GET /pets/{}/toys': { count: 2 }, 'GET /users/{}': { count: 1 } })
  assert.deepEqual(drift.operations, [
    {
      method: 'GET',
      path: '/pets',
      calls: 3,
      statuses: { 404: { count: 1 } },
      query: { page: { count: 3, example: 'text of 1 character' } },
      requestFields: {},
      responseFields: { '/*/colour': { count: 3, example: 'text of 5 characters' } },
    },
  ])
  assert.ok(!JSON.stringify(drift).includes('brown'))
})

test('the number of things that are remembered is bounded', () => {
  const record = new DriftRecord('pets', document, '', undefined)
  const pets = record.operation(withQuery)
  for (let i = 0; i < 5000; i++) {
    record.undescribed('GET', `/x${i}`)
    pets.query({ [`q${i}`]: '', ['q'.repeat(5000) + i]: '' })
  }
  const {
    undescribed,
    operations: [first],
  } = record.describe()
  assert.equal(Object.keys(undescribed).length, 200)
  assert.equal(Object.keys(first!.query).length, 200)
  assert.ok(Object.keys(first!.query).every((name) => name.length <= 300))
})

test('an open query has no undeclared parameters', () => {
  const record = new DriftRecord('pets', document, '', undefined).operation(operation)
  record.query({ anything: '1' })
  assert.equal(record.describe(), null)
})

test('a call that no route answers is told of the upstream with the longest prefix on its host', () => {
  const registry = new DriftRegistry()
  const [root, store, other] = [
    new DriftRecord('root', document, '', undefined),
    new DriftRecord('store', document, '/store', undefined),
    new DriftRecord('other', document, '/store/other', ['*.example.com']),
  ]
  for (const record of [root, store, other]) registry.add(record)
  registry.unanswered('GET', 'x:80', '/store/a')
  registry.unanswered('GET', 'x', '/stores')
  registry.unanswered('GET', 'api.example.com:443', '/store/other/b')
  registry.unanswered('GET', 'example.com', '/store/other/b')
  registry.unanswered('GET', 'a.b.example.com', '/store/other/b')
  assert.deepEqual(
    [root, store, other].map((record) => record.describe().undescribed),
    [
      { 'GET /stores': { count: 1 } },
      { 'GET /a': { count: 1 }, 'GET /other/b': { count: 2 } },
      { 'GET /b': { count: 1 } },
    ],
  )
})

test('an overlay brings the document up to the traffic', () => {
  const record = new DriftRecord('pets', document, '', undefined)
  const pets = record.operation(withQuery)
  pets.answered(404)
  pets.query({ page: '2' })
  pets.response(200, [{ name: 'Rex', colour: 'brown', owner: { fax: 1 }, tags: { x: { until: 2 } } }])
  pets.called()
  record.undescribed('DELETE', '/pets/17')
  const { overlay, actions } = driftOverlay(document, record.describe())
  assert.equal(overlay, '1.0.0')
  assert.deepEqual(
    actions.map(({ target, update }) => [target, update]),
    [
      ["$.paths['/pets'].get.responses", { 404: { description: 'Seen in traffic.' } }],
      ["$.paths['/pets'].get", { parameters: [{ name: 'page', in: 'query', schema: { type: 'string' } }] }],
      ['$.components.schemas.Pet.properties', { colour: { type: 'string' } }],
      ['$.components.schemas.Pet.properties.tags.additionalProperties.properties', { until: { type: 'integer' } }],
      [
        '$.paths',
        {
          '/pets/{id1}': {
            delete: {
              parameters: [{ name: 'id1', in: 'path', required: true, schema: { type: 'string' } }],
              responses: { default: { description: 'Seen in traffic.' } },
            },
          },
        },
      ],
    ],
  )
})
