import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentMistakes, DocumentValidators } from '../../src/validation/document-validators.ts'
import type { Direction } from '../../src/validation/document-schemas.ts'
import type { SchemaObject } from '../../src/schema/json-schema.ts'
import { compileOperationCheck } from '../../src/validation/operation-check.ts'
import { PartCheck } from '../../src/schema/part-check.ts'
import { apiDocument, oneOperation } from '../portal/api-document.ts'

/** What is wrong with values of component schemas, in one line each. */
function checks(schemas: SchemaObject) {
  const validators = new DocumentValidators(apiDocument({ paths: {}, components: { schemas } }))
  return (name: string, value: unknown, direction: Direction = 'request') => {
    const check = new PartCheck(
      validators.compiler(validators.schemas.reference(`/components/schemas/${name}`, direction)),
      'body',
    )
    return check.json(value, 100)?.map(({ pointer, expected }) => `${pointer}: ${expected}`) ?? null
  }
}

test('each direction does without what belongs to the other', () => {
  const check = checks({
    User: {
      type: 'object',
      required: ['id', 'name', 'password', 'at'],
      properties: {
        id: { type: 'integer', readOnly: true },
        name: { type: 'string' },
        password: { type: 'string', writeOnly: true },
        at: { $ref: '#/components/schemas/Stamp' },
      },
    },
    Stamp: { type: 'string', readOnly: true },
    Admin: {
      allOf: [
        { $ref: '#/components/schemas/User' },
        { required: ['id', 'level', 'password'], properties: { level: { type: 'integer' } } },
      ],
    },
    Team: { type: 'array', items: { $ref: '#/components/schemas/Admin' } },
  })
  assert.equal(check('User', { name: 'a', password: 'b' }), null)
  assert.equal(check('User', { name: 'a', password: 'b', id: 5 }), null)
  assert.deepEqual(check('User', { name: 'a', password: 'b', id: 'x' }), ['/id: integer'])
  assert.equal(check('User', { id: 1, name: 'a', at: 'now' }, 'response'), null)
  assert.deepEqual(check('User', { id: 1, name: 'a', at: 'now', password: 'b' }, 'response'), ['/password: nothing'])
  assert.deepEqual(check('User', { name: 'a', at: 'now' }, 'response'), [': a property "id"'])
  assert.equal(check('Team', [{ name: 'a', password: 'b', level: 1 }]), null)
  assert.equal(check('Team', [{ id: 1, name: 'a', at: 'b', level: 1 }], 'response'), null)
  assert.deepEqual(check('Team', [{ id: 1, name: 'a', at: 'b', level: 1, password: 'x' }], 'response'), [
    '/0/password: nothing',
  ])
})

test('directions that do not differ share their schemas', () => {
  const { schemas } = new DocumentValidators(
    apiDocument({
      paths: {},
      components: {
        schemas: {
          A: { $ref: '#/components/schemas/B' },
          B: { properties: { a: { $ref: '#/components/schemas/A' } } },
          C: { properties: { b: { $ref: '#/components/schemas/B' }, c: { readOnly: true } } },
        },
      },
    }),
  )
  const id = (name: string, direction: Direction) =>
    JSON.stringify(schemas.reference(`/components/schemas/${name}`, direction))
  assert.equal(id('A', 'request'), id('A', 'response'))
  assert.notEqual(id('C', 'request'), id('C', 'response'))
})

const pets = {
  Cat: {
    type: 'object',
    required: ['kind', 'lives'],
    properties: { kind: { type: 'string' }, lives: { type: 'integer' } },
  },
  Dog: {
    type: 'object',
    required: ['kind', 'bark'],
    properties: { kind: { type: 'string' }, bark: { type: 'boolean' } },
  },
}
const either = [{ $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' }]

test('a discriminator decides the branch, so that only what this one says is held against a value', () => {
  for (const keyword of ['oneOf', 'anyOf']) {
    const check = checks({
      ...pets,
      Pet: {
        [keyword]: either,
        discriminator: { propertyName: 'kind', mapping: { cat: '#/components/schemas/Cat', hound: 'Dog' } },
      },
    })
    for (const kind of ['cat', 'Cat']) assert.equal(check('Pet', { kind, lives: 9 }), null)
    assert.equal(check('Pet', { kind: 'hound', bark: true }), null)
    assert.deepEqual(check('Pet', { kind: 'hound', bark: 1 }), ['/bark: boolean'])
    assert.deepEqual(check('Pet', { kind: 'cat', bark: true }), [': a property "lives"'])
    assert.deepEqual(check('Pet', { kind: 'cow' }), ['/kind: one of: Cat, Dog, cat, hound'])
    assert.deepEqual(check('Pet', {}), [': a property "kind"'])
    assert.ok(check('Pet', 'cat'))
  }
  const nullable = checks({
    ...pets,
    Pet: { oneOf: [...either, { type: 'null' }], discriminator: { propertyName: 'kind' } },
  })
  assert.equal(nullable('Pet', null), null)
  assert.deepEqual(nullable('Pet', { kind: 'Dog' }), [': a property "bark"'])
  const documented = checks({
    Pet: { type: 'object', properties: { kind: { type: 'string' } }, discriminator: { propertyName: 'kind' } },
  })
  assert.equal(documented('Pet', { kind: 'anything' }), null)
})

test('a branch that is made of its union does not lead round and round', () => {
  const check = checks({
    Pet: {
      type: 'object',
      required: ['kind'],
      properties: { kind: { type: 'string' } },
      oneOf: either,
      discriminator: { propertyName: 'kind' },
    },
    Cat: { allOf: [{ $ref: '#/components/schemas/Pet' }, { required: ['lives'] }] },
    Dog: {
      allOf: [{ $ref: '#/components/schemas/Pet' }, { properties: { friend: { $ref: '#/components/schemas/Pet' } } }],
    },
  })
  assert.equal(check('Pet', { kind: 'Cat', lives: 9 }), null)
  assert.deepEqual(check('Pet', { kind: 'Cat' }), [': a property "lives"'])
  assert.deepEqual(check('Pet', { kind: 'Dog', friend: { kind: 'Cat' } }), ['/friend: a property "lives"'])
})

test('nor does one without a discriminator, or a whole family of them', { timeout: 60_000 }, () => {
  const check = checks({
    Pet: {
      type: 'object',
      required: ['kind'],
      properties: { kind: { type: 'string' } },
      anyOf: either,
      oneOf: [{ required: ['name'] }, { required: ['number'] }],
    },
    Cat: { allOf: [{ $ref: '#/components/schemas/Pet' }, { required: ['lives'] }] },
    Dog: { allOf: [{ $ref: '#/components/schemas/Pet' }, { required: ['bark'] }] },
  })
  assert.equal(check('Pet', { kind: 'x', lives: 9, name: 'a' }), null)
  assert.ok(check('Pet', { kind: 'x', name: 'a' }))
  assert.ok(check('Pet', { lives: 9, name: 'a' }))
  // the other union holds for branches too
  assert.ok(check('Cat', { kind: 'x', lives: 9 }))
  assert.equal(check('Cat', { kind: 'x', lives: 9, number: 1 }), null)
  const names = Array.from({ length: 600 }, (_, i) => `N${i}`)
  const family = checks({
    Node: {
      type: 'object',
      required: ['kind'],
      properties: { kind: { type: 'string' } },
      oneOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })),
      discriminator: { propertyName: 'kind' },
    },
    ...Object.fromEntries(
      names.map((name, i) => [
        name,
        {
          allOf: [
            { $ref: '#/components/schemas/Node' },
            {
              properties: {
                next: { $ref: `#/components/schemas/${names[(i + 1) % 600]}` },
                any: { $ref: '#/components/schemas/Node' },
                id: { const: i },
              },
            },
          ],
        },
      ]),
    ),
  })
  assert.equal(family('Node', { kind: 'N7', id: 7, next: { kind: 'N8', id: 8, any: { kind: 'N9' } } }), null)
  assert.deepEqual(family('Node', { kind: 'N7', next: { kind: 'N8', any: { kind: 'N9', id: 8 } } }), [
    '/next/any/id: 9',
  ])
})

test('a union without a discriminator says what each form expected, not every error of each', () => {
  const check = checks({
    ...pets,
    Pet: { oneOf: either },
    Home: { required: ['name'], properties: { pet: { $ref: '#/components/schemas/Pet' } } },
  })
  assert.equal(check('Home', { pet: 5 })!.length, 2)
  assert.deepEqual(check('Home', { name: 'a', pet: {} })!.length, 1)
})

test('references in a circle, long chains of them, and names like keywords are followed', () => {
  const chain = Object.fromEntries(
    Array.from({ length: 3000 }, (_, i) => [
      `N${i}`,
      i === 2999 ? { type: 'integer' } : { properties: { next: { $ref: `#/components/schemas/N${i + 1}` } } },
    ]),
  )
  assert.equal(checks(chain)('N0', { next: { next: 1 } }), null)
  assert.deepEqual(checks(chain)('N2998', { next: 'x' }), ['/next: integer'])
  const check = checks({
    'a/b~ä %': {
      type: 'object',
      properties: {
        properties: { $ref: '#/components/schemas/a~1b~0%C3%A4%20%25' },
        $id: { type: 'string' },
        $ref: { type: 'integer' },
      },
      additionalProperties: false,
    },
    Odd: {
      $id: 'https://example.com/x',
      $anchor: 'here',
      example: { $id: 'https://example.com/x' },
      type: 'string',
      format: 'made-up',
    },
  })
  assert.equal(check('a~1b~0ä %', { properties: { properties: {}, $id: 'a', $ref: 1 } }), null)
  assert.deepEqual(check('a~1b~0ä %', { properties: { $ref: 'x' } }), ['/properties/$ref: integer'])
  assert.equal(check('Odd', 'any'), null)
  assert.ok(check('Odd', 5))
})

test('what cannot be compiled stays refused, also when it is asked for again and from elsewhere', () => {
  const check = checks({
    A: { properties: { b: { $ref: '#/components/schemas/B' } } },
    B: { properties: { a: { $ref: '#/components/schemas/A' }, c: { $ref: '#/components/schemas/C' } } },
    C: { properties: { a: { $ref: '#/components/schemas/A' } }, pattern: '(' },
  })
  for (const name of ['A', 'B', 'A', 'C']) {
    assert.throws(
      () => check(name, { b: { c: {} } }),
      ({ code, cause }) => code === 'GW_INTERNAL' && /pattern/.test(cause.message),
    )
  }
})

test('known formats are checked, and all of OpenAPI are known', () => {
  const check = checks(
    Object.fromEntries(
      ['int32', 'int64', 'float', 'double', 'password', 'byte', 'binary', 'uuid'].map((format) => [format, { format }]),
    ),
  )
  assert.deepEqual(check('int32', 2 ** 31), [': format int32'])
  assert.deepEqual(check('byte', '!'), [': format byte'])
  assert.deepEqual(check('uuid', 'x'), [': format uuid'])
  for (const format of ['float', 'double', 'password', 'binary']) {
    assert.equal(check(format, format === 'float' ? 1.5 : 'a'), null)
  }
})

test(
  'a thousand operations cost little before the first request, and share what they refer to',
  { timeout: 60_000 },
  () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [
        `S${i}`,
        {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'integer' },
            other: { $ref: `#/components/schemas/S${(i * 7 + 1) % 500}` },
            list: { type: 'array', items: { $ref: `#/components/schemas/S${(i * 3 + 2) % 500}` } },
            text: { type: 'string', pattern: `^[a-z]{${i}}(-[a-z]+)*$` },
          },
        },
      ]),
    )
    const paths = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [
        `/p${i}/{id}`,
        {
          post: {
            parameters: [
              { name: 'id', in: 'path', schema: { type: 'integer' } },
              { name: 'q', in: 'query', schema: { $ref: `#/components/schemas/S${i % 500}` } },
            ],
            requestBody: { content: { 'application/json': { schema: { $ref: `#/components/schemas/S${i % 500}` } } } },
          },
        },
      ]),
    )
    const document = apiDocument({ paths, components: { schemas } })
    const before = process.memoryUsage().heapUsed
    const start = performance.now()
    const validators = new DocumentValidators(document)
    assert.deepEqual(documentMistakes(document), [])
    const compiled = document.operations.map((operation) => compileOperationCheck(validators, operation))
    assert.ok(performance.now() - start < 20_000)
    assert.ok(process.memoryUsage().heapUsed - before < 150 * 2 ** 20)
    for (const check of compiled) assert.ok(check.violations({ params: { id: 'x' }, headers: {}, raw: { url: '/' } }))
  },
)

test('patterns and references that nothing can check are mistakes of the document', () => {
  const document = oneOperation(
    '/x',
    'get',
    { parameters: [{ name: 'q', in: 'query', schema: { $ref: '#/components/schemas/A' } }] },
    { A: { items: { pattern: '^(a+)+(?!b)$' } }, Unused: { pattern: '(' } },
  )
  const [problem, ...others] = documentMistakes(document)
  assert.deepEqual(others, [])
  assert.equal(problem!.file, 'openapi/test.yaml')
  assert.equal(problem!.field, '#/components/schemas/A/items/pattern')
  assert.match(problem!.message, /write it without/)
})

test('compositions of the same schemas do not multiply', () => {
  // each level names the next one twenty times; the last has a property that requests may leave out
  const schemas = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [
      `s${i}`,
      i === 11
        ? {
            type: 'object',
            required: ['id', 'name'],
            properties: { id: { type: 'integer', readOnly: true }, name: { type: 'string' } },
          }
        : { allOf: Array.from({ length: 20 }, () => ({ $ref: `#/components/schemas/s${i + 1}` })) },
    ]),
  )
  const check = compileOperationCheck(
    new DocumentValidators(
      oneOperation(
        '/',
        'post',
        {
          parameters: [{ name: 'q', in: 'query', schema: { $ref: '#/components/schemas/s6' } }],
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/s6' } } } },
        },
        schemas,
      ),
    ),
    oneOperation('/', 'post', {}).operations[0]!,
  )
  assert.equal(check.violations({ params: {}, headers: {}, raw: { url: '/' } }), null)
})
