import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DocumentValidators } from '../../src/validation/document-validators.ts'
import type { SchemaObject } from '../../src/schema/json-schema.ts'
import { PartCheck } from '../../src/schema/part-check.ts'
import { selfContained } from '../../src/schema/self-contained-schema.ts'
import { oneOperation } from '../portal/api-document.ts'

/** A condition as filters of searches have it: every form of a group leads back to the union. */
function condition(self: string): SchemaObject {
  const group = (op: string): SchemaObject => ({
    type: 'object',
    required: ['op', 'of'],
    properties: { of: { type: 'array', items: { $ref: self } }, op: { const: op } },
  })
  return {
    oneOf: [
      group('and'),
      group('or'),
      { type: 'object', required: ['field'], properties: { field: { type: 'string' } } },
    ],
  }
}

const ofDocument = (schemas: SchemaObject, name: string): PartCheck => {
  const validators = new DocumentValidators(oneOperation('/', 'get', {}, schemas))
  return new PartCheck(
    validators.compiler(validators.schemas.reference(`/components/schemas/${name}`, 'request')),
    'body',
  )
}

const byHand = (schema: SchemaObject): PartCheck => new PartCheck(selfContained(schema).schema, 'body')

const nested = (depth: number, innermost: unknown): unknown =>
  depth === 0 ? innermost : { op: 'or', of: [nested(depth - 1, innermost)] }

const CHECKS = {
  'of a document': ofDocument({ Condition: condition('#/components/schemas/Condition') }, 'Condition'),
  'written by hand': byHand(condition('#')),
  'written by hand, below another': byHand({ $ref: '#/$defs/c', $defs: { c: condition('#/$defs/c') } }),
}

for (const [name, check] of Object.entries(CHECKS)) {
  test(`a union that leads back to itself takes time that grows with the value: ${name}`, () => {
    for (const depth of [3, 50, 200]) {
      const size = depth * 20
      assert.equal(check.json(nested(depth, { field: 'a' }), size), null)
      const violations = check.json(nested(depth, { field: 5 }), size)!
      assert.ok(violations.length > 0 && violations.length <= 100)
      // a large value is not searched for all that is wrong
      assert.notEqual(check.json(nested(depth, { field: 5 }), 1_000_000), null)
      assert.equal(check.json(nested(depth, { field: 'a' }), 1_000_000), null)
    }
  })
}

test('a union in a union doubles nothing, and its errors do not grow', () => {
  const schemas = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [
      `s${i}`,
      i === 59
        ? { type: 'object', required: ['x'] }
        : {
            anyOf: [
              { $ref: `#/components/schemas/s${i + 1}` },
              { allOf: [{ $ref: `#/components/schemas/s${i + 1}` }] },
            ],
          },
    ]),
  )
  const check = ofDocument(schemas, 's0')
  assert.equal(check.json({ x: 1 }, 7), null)
  assert.ok(check.json({}, 2)!.length <= 100)
})

test('what is remembered of a value says which of its properties have been looked at', () => {
  const base = {
    anyOf: [
      { properties: { a: { type: 'integer' } }, required: ['a'] },
      { properties: { b: { type: 'integer' } }, required: ['b'] },
    ],
  }
  // the first form of an item adds `extra` to what the base has looked at, and fails; the second does not know it
  const item = {
    anyOf: [
      {
        $ref: '#/components/schemas/Base',
        properties: { extra: {} },
        required: ['never'],
        unevaluatedProperties: false,
      },
      { $ref: '#/components/schemas/Base', unevaluatedProperties: false },
    ],
  }
  const check = ofDocument(
    { Base: base, Item: item, List: { type: 'array', items: { $ref: '#/components/schemas/Item' } } },
    'List',
  )
  // so many that outcomes are remembered
  const list = (last: object): object[] => [
    ...Array.from({ length: 2000 }, (_, i) => (i % 2 ? { a: 1 } : { b: 1 })),
    last,
  ]
  assert.equal(check.json(list({ a: 1 }), 1000), null)
  assert.equal(check.json(list({ a: 1, b: 2 }), 1000), null)
  assert.notEqual(check.json(list({ a: 1, extra: 1 }), 1000), null)
  assert.notEqual(check.json(list({ a: 'x' }), 1000), null)
})

test('more steps than a value can need end the check, and the next value is checked', () => {
  // no list or object is in it whose outcome could be remembered
  const schemas = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `s${i}`,
      i === 39
        ? { type: 'integer' }
        : {
            anyOf: [
              { $ref: `#/components/schemas/s${i + 1}` },
              { allOf: [{ $ref: `#/components/schemas/s${i + 1}` }] },
            ],
          },
    ]),
  )
  const check = ofDocument(schemas, 's0')
  assert.deepEqual(check.json('a', 1_000_000), [{ in: 'body', pointer: '', expected: 'fewer values within values' }])
  assert.deepEqual(
    check.json({}, 1_000_000)!.map(({ expected }) => expected),
    ['integer'],
  )
})
