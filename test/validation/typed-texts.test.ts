import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DocumentValidators } from '../../src/validation/document-validators.ts'
import type { SchemaObject } from '../../src/schema/json-schema.ts'
import { compileOperationCheck } from '../../src/validation/operation-check.ts'
import { PartCheck } from '../../src/schema/part-check.ts'
import { selfContained } from '../../src/schema/self-contained-schema.ts'
import { oneOperation } from '../portal/api-document.ts'

const int = { $ref: '#/components/schemas/Int' }
const schemas = {
  Int: { type: 'integer' },
  Small: { allOf: [int], maximum: 5 },
  Ints: { type: 'array', items: int },
  Maybe: { type: ['integer', 'null'], maximum: 5 },
}

/** Whether a query is what one parameter `q` may be. */
function takes(schema: SchemaObject, more: object = {}) {
  const document = oneOperation('/', 'get', { parameters: [{ name: 'q', in: 'query', schema, ...more }] }, schemas)
  const check = compileOperationCheck(new DocumentValidators(document), document.operations[0]!)
  return (query: string): boolean => check.violations({ params: {}, headers: {}, raw: { url: `/?${query}` } }) === null
}

const small: Record<string, SchemaObject> = {
  'beside an allOf': { allOf: [int], maximum: 5 },
  'before the reference': { allOf: [{ maximum: 5 }, int] },
  'after the reference': { allOf: [int, { maximum: 5 }] },
  'beside a reference': { ...int, maximum: 5 },
  'in a schema that is referred to': { $ref: '#/components/schemas/Small' },
  'two steps away': { allOf: [{ allOf: [{ $ref: '#/components/schemas/Small' }] }], minimum: 0 },
  'beside a union with null': { anyOf: [int, { type: 'null' }], maximum: 5 },
  'in one form of a union': { anyOf: [{ allOf: [int], maximum: 5 }, { type: 'boolean' }] },
  'in one form of a union with texts': {
    anyOf: [
      { allOf: [int], maximum: 5 },
      { type: 'string', format: 'date' },
    ],
  },
  'without a type': { maximum: 5, minimum: 0 },
  'as values without a type': { enum: [0, 1, 5] },
}

for (const [name, schema] of Object.entries(small)) {
  test(`a bound of a number holds in a query: ${name}`, () => {
    const takesQuery = takes(schema)
    assert.ok(takesQuery('q=5'))
    assert.ok(!takesQuery('q=6'))
    assert.ok(!takesQuery('q=99'))
  })
}

test('a bound holds for items, and for properties of objects', () => {
  const list = takes({ type: 'array', items: { allOf: [int], maximum: 5 } })
  assert.ok(list('q=1&q=5'))
  assert.ok(!list('q=1&q=6'))
  const bounded = takes({ allOf: [{ $ref: '#/components/schemas/Ints' }], maxItems: 2 })
  assert.ok(bounded('q=1&q=2'))
  assert.ok(!bounded('q=1&q=2&q=3'))
  const deep = takes(
    {
      type: 'object',
      properties: {
        a: { allOf: [int], maximum: 5 },
        in: { type: 'object', additionalProperties: { $ref: '#/components/schemas/Small' } },
      },
    },
    { style: 'deepObject', explode: true },
  )
  assert.ok(deep('q[a]=5&q[in][b]=5'))
  assert.ok(!deep('q[a]=6'))
  assert.ok(!deep('q[in][b]=6'))
  const split = takes(
    { allOf: [{ properties: { a: { maximum: 5 } } }, { properties: { a: int } }] },
    { style: 'deepObject', explode: true },
  )
  assert.ok(split('q[a]=5'))
  assert.ok(!split('q[a]=6'))
})

test('a text that may be several things is any of them', () => {
  const either = takes({
    anyOf: [
      { allOf: [int], maximum: 5 },
      { type: 'string', pattern: '^9+$' },
    ],
  })
  assert.ok(either('q=5'))
  assert.ok(either('q=99'))
  assert.ok(!either('q=6'))
  const maybe = takes({ $ref: '#/components/schemas/Maybe' })
  assert.ok(maybe('q='))
  assert.ok(maybe('q=5'))
  assert.ok(!maybe('q=6'))
  const flag = takes({ anyOf: [int, { type: 'boolean' }] })
  assert.ok(flag('q=true'))
  assert.ok(flag('q=7'))
  assert.ok(!flag('q=maybe'))
})

test('a bound beside a reference holds in a schema that is written by hand', () => {
  const schema = {
    type: 'object',
    properties: {
      q: { allOf: [{ $ref: '#/$defs/list' }], maxItems: 2 },
      n: { allOf: [{ $ref: '#/$defs/n' }], maximum: 5 },
    },
    $defs: {
      int: { type: 'integer' },
      n: { allOf: [{ $ref: '#/$defs/int' }] },
      list: { type: 'array', items: { $ref: '#/$defs/n' } },
    },
  }
  const check = new PartCheck(selfContained(schema).schema, 'query')
  assert.equal(check.text({ n: '5', q: ['1', '2'] }), null)
  assert.equal(check.text({ n: '5', q: '1' }), null)
  assert.notEqual(check.text({ n: '6' }), null)
  assert.notEqual(check.text({ q: ['1', '2', '3'] }), null)
})
