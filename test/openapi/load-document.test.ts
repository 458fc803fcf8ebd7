import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadApiDocument } from '../../src/openapi/load-document.ts'
import { documents, loadText, problemsOf, withSchemas } from './document-folder.ts'

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
      {
        in: 'path',
        name: 'petId',
        required: true,
        style: 'simple',
        explode: false,
        schemaPointer: '/paths/~1pets~1{petId}/parameters/0/schema',
      },
      {
        in: 'query',
        name: 'limit',
        required: false,
        style: 'pipeDelimited',
        explode: false,
        schemaPointer: '/components/parameters/Limit/schema',
      },
    ],
    body: null,
    responses: [
      {
        status: '2XX',
        content: [
          {
            type: 'application/json',
            schemaPointer: '/paths/~1pets~1{petId}/get/responses/2xx/content/application~1json; charset=utf-8/schema',
            encoding: {},
          },
        ],
        headers: [],
      },
    ],
    security: null,
    extensions: { 'x-gatehouse-timeout': '5s', 'x-gatehouse-cache': '1m' },
  })
})

test('a field of another type, a missing one and a word that is not allowed are told with line, place and what is allowed', async (t) => {
  assert.deepEqual(
    await problemsOf(
      loadText(
        t,
        `openapi: 3.0.3
info: { title: T, version: 1.0 }
paths:
  /a/{id}:
    get:
      parameters:
        - name: id
          in: pth
          required: 'yes'
          schema: { type: strin, maximum: '10', minLength: -1 }
        - in: query
      responses: []
`,
      ),
    ),
    [
      'openapi/api.yaml:8: paths./a/{id}.get.parameters[0].in: is "pth", allowed: path, query, header, cookie',
      'openapi/api.yaml:9: paths./a/{id}.get.parameters[0].required: is "yes", allowed: true or false',
      'openapi/api.yaml:10: paths./a/{id}.get.parameters[0].schema.type: is "strin", allowed: string, number, integer, boolean, array, object, null, or a list of these',
      'openapi/api.yaml:10: paths./a/{id}.get.parameters[0].schema.maximum: is "10", allowed: a number',
      'openapi/api.yaml:10: paths./a/{id}.get.parameters[0].schema.minLength: is -1, allowed: a whole number from 0',
      'openapi/api.yaml:11: paths./a/{id}.get.parameters[1]: has no "name", which is required',
      'openapi/api.yaml:12: paths./a/{id}.get.responses: is an empty list, allowed: an object',
    ],
  )
})

test('lines of a document in JSON are told as those of one in YAML', async (t) => {
  const text = JSON.stringify(
    { openapi: '3.1.0', info: { title: 'a "}" \\\\', version: '1' }, paths: { '/a': { get: { deprecated: 1 } } } },
    null,
    2,
  )
  const line = text.split('\n').findIndex((line) => line.includes('deprecated')) + 1
  assert.deepEqual(await problemsOf(loadText(t, text, 'api.json')), [
    `openapi/api.json:${line}: paths./a.get.deprecated: is 1, allowed: true or false`,
  ])
})

test('at most fifty problems of a document are told', async (t) => {
  const schemas = Object.fromEntries(Array.from({ length: 70 }, (_, place) => [`S${place}`, { type: 'x' }]))
  const problems = await problemsOf(loadText(t, withSchemas(JSON.stringify(schemas))))
  assert.equal(problems.length, 51)
  assert.equal(problems[50], 'openapi/api.yaml: has 20 more problems: fix these first')
})

test('what is not an OpenAPI document says so', async (t) => {
  assert.deepEqual(await problemsOf(loadText(t, 'a: 1')), [
    'openapi/api.yaml: is not an OpenAPI document: it has neither "openapi" nor "swagger"',
  ])
  assert.deepEqual(await problemsOf(loadText(t, 'openapi: 4.0.0')), [
    'openapi/api.yaml: is of version "4.0.0", allowed: "openapi" 3.0.x or 3.1.x, or "swagger" "2.0"',
  ])
  assert.deepEqual(await problemsOf(loadText(t, '[]')), [
    'openapi/api.yaml: is not an OpenAPI document: it is not an object',
  ])
  assert.deepEqual(await problemsOf(loadText(t, '')), ['openapi/api.yaml: is empty, allowed: an OpenAPI document'])
  assert.match(
    (
      await problemsOf(
        loadText(
          t,
          '{ "openapi": "3.1.0",\n "some words before": [1,\n ], "and": "some more words after" }',
          'api.json',
        ),
      )
    )[0]!,
    /^openapi\/api\.json:3: is not valid JSON/,
  )
  assert.match(
    (await problemsOf(loadText(t, 'openapi: 3.1.0\na: b: c')))[0]!,
    /^openapi\/api\.yaml:2: is not valid YAML/,
  )
})

test('aliases that multiply, deep nesting and keys that JavaScript reads as its own are refused, and names of its own are harmless', async (t) => {
  const laughs = [
    'a: &a0 [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 9 }, (_, n) => `b${n}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`),
  ].join('\n')
  assert.match((await problemsOf(loadText(t, laughs)))[0]!, /holds more than 5000000 values/)
  assert.match(
    (await problemsOf(loadText(t, `{"openapi":"3.1.0","x-a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'api.json')))[0]!,
    /nested more than 200 levels/,
  )
  assert.match(
    (await problemsOf(loadText(t, `openapi: 3.1.0\nx-a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`)))[0]!,
    /nested/,
  )
  assert.match(
    (await problemsOf(loadText(t, '{"openapi":"3.1.0","paths":{"__proto__":{"polluted":1}}}', 'api.json')))[0]!,
    /has the key "__proto__"/,
  )
  const document = await loadText(
    t,
    withSchemas(
      '{ constructor: { type: object, properties: { constructor: { type: string }, hasOwnProperty: { type: string } } }, toString: { $ref: "#/components/schemas/constructor" } }',
    ),
  )
  assert.equal(document.root.components.schemas.toString.$ref, '#/components/schemas/constructor')
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('references that lead nowhere or back to themselves are told, and circles through properties are not', async (t) => {
  assert.deepEqual(
    await problemsOf(
      loadText(
        t,
        withSchemas('\n    A: { $ref: "#/components/schemas/Missing" }\n    B: { $ref: "#/components/parameters" }'),
      ),
    ),
    [
      'openapi/api.yaml:7: components.schemas.A.$ref: is "#/components/schemas/Missing", which leads nowhere',
      'openapi/api.yaml:8: components.schemas.B.$ref: is "#/components/parameters", which leads nowhere',
    ],
  )
  assert.deepEqual(
    await problemsOf(
      loadText(
        t,
        withSchemas(
          '\n    A: { $ref: "#/components/schemas/B" }\n    B: { allOf: [{ $ref: "#/components/schemas/A" }] }',
        ),
      ),
    ),
    [
      'openapi/api.yaml:8: components.schemas.B.allOf[0].$ref: is "#/components/schemas/A", which leads back to itself for the same value, without an end',
    ],
  )
  await loadText(
    t,
    withSchemas(
      '{ Node: { type: object, properties: { next: { $ref: "#/components/schemas/Node" }, all: { type: array, items: { allOf: [{ $ref: "#/components/schemas/Node" }] } } } } }',
    ),
  )
})

test('a schema that is made of the union that it is a branch of is told and read, other circles are not', async (t) => {
  const pets = (dog: string) => `
    Pet: { type: object, required: [kind], properties: { kind: { type: string } }, oneOf: [{ $ref: "#/components/schemas/Cat" }, { $ref: "#/components/schemas/Dog" }], discriminator: { propertyName: kind } }
    Cat: { allOf: [{ $ref: "#/components/schemas/Pet" }, { type: object, required: [lives] }] }
    Dog: ${dog}`
  const { notes } = await loadText(t, withSchemas(pets('{ allOf: [{ $ref: "#/components/schemas/Pet" }] }')))
  assert.deepEqual(notes, [
    'a schema has an "allOf" with a union of which it is itself a branch: the union is ignored there (openapi/api.yaml:8, openapi/api.yaml:9)',
  ])
  for (const dog of [
    '{ anyOf: [{ $ref: "#/components/schemas/Pet" }] }',
    '{ allOf: [{ not: { $ref: "#/components/schemas/Pet" } }] }',
    '{ allOf: [{ $ref: "#/components/schemas/Hound" }] }\n    Hound: { allOf: [{ $ref: "#/components/schemas/Pet" }] }',
  ]) {
    assert.match(
      (await problemsOf(loadText(t, withSchemas(pets(dog))))).join(),
      /which leads back to itself for the same value/,
    )
  }
})

test('a discriminator that names what is not there decides nothing, unless it is a slip of the pen', async (t) => {
  const union = (value: string, keyword = 'oneOf') => `
    Pet: { ${keyword}: [{ $ref: "#/components/schemas/Cat" }], discriminator: { propertyName: kind, mapping: { cat: "${value}" } } }
    Cat: { type: object }`
  const document = await loadText(t, withSchemas(union('models/cat.yml#/cat')))
  assert.deepEqual(document.root.components.schemas.Pet, { oneOf: [{ $ref: '#/components/schemas/Cat' }] })
  assert.match(
    document.notes.join(),
    /^a discriminator names a schema that does not exist: it is ignored, and any branch of the union may match \(openapi\/api\.yaml:7\)$/,
  )
  assert.match((await loadText(t, withSchemas(union('#/cat', 'allOf')))).notes.join(), /^a discriminator names/)
  assert.deepEqual(await problemsOf(loadText(t, withSchemas(union('#/cat')))), [
    'openapi/api.yaml:7: components.schemas.Pet.discriminator.mapping.cat: is "#/cat", which leads nowhere',
  ])
})

test('names of schemas become pointers, and dynamic references are refused', async (t) => {
  const document = await loadText(
    t,
    withSchemas(
      `
    Tree: { $id: 'https://example.com/tree', type: object, properties: { kids: { type: array, items: { $ref: '#node' } }, leaf: { $ref: '#/$defs/leaf' } }, $defs: { node: { $anchor: node, type: object }, leaf: { type: string } } }
    Wood: { type: array, items: { $ref: 'https://example.com/tree' } }
    Sibling: { $id: 'https://example.com/sibling', $ref: 'tree#node' }`,
      '3.1.0',
    ),
  )
  const { Tree, Wood, Sibling } = document.root.components.schemas
  assert.deepEqual(Tree, {
    type: 'object',
    properties: {
      kids: { type: 'array', items: { $ref: '#/components/schemas/Tree/$defs/node' } },
      leaf: { $ref: '#/components/schemas/Tree/$defs/leaf' },
    },
    $defs: { node: { type: 'object' }, leaf: { type: 'string' } },
  })
  assert.deepEqual(Wood.items, { $ref: '#/components/schemas/Tree' })
  assert.deepEqual(Sibling, { $ref: '#/components/schemas/Tree/$defs/node' })
  assert.match(
    (await problemsOf(loadText(t, withSchemas('{ A: { $dynamicRef: "#a" } }', '3.1.0'))))[0]!,
    /components\.schemas\.A\.\$dynamicRef: is a dynamic reference/,
  )
})
