import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { selfContained } from '../../src/schema/self-contained-schema.ts'

test('leaves the original alone, and keeps what is plain', () => {
  const original = Object.freeze({
    $id: 'order',
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    default: { $id: 'data', $ref: 'data' },
  })
  assert.deepEqual(selfContained(original), {
    schema: { type: 'object', default: { $id: 'data', $ref: 'data' } },
    mistakes: [],
  })
  assert.deepEqual(selfContained(true), { schema: true, mistakes: [] })
})

test('brings TypeBox schemas into draft 2020-12, without symbols and hidden keys', () => {
  assert.deepEqual(selfContained(Type.Tuple([Type.String(), Type.Integer()])).schema, {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }],
    items: false,
    minItems: 2,
  })
  const { schema, mistakes } = selfContained(
    Type.Cyclic({ Node: Type.Object({ nodes: Type.Array(Type.Ref('Node')) }) }, 'Node'),
  )
  assert.deepEqual(mistakes, [])
  assert.deepEqual(schema, {
    $defs: {
      Node: {
        type: 'object',
        required: ['nodes'],
        properties: { nodes: { type: 'array', items: { $ref: '#/$defs/Node' } } },
      },
    },
    $ref: '#/$defs/Node',
  })
})

test('turns names of every kind into JSON pointers', () => {
  const { schema, mistakes } = selfContained({
    $id: 'http://example.com/root.json#',
    definitions: { 'a/b%': { $id: '#draft7', type: 'string' }, c: { $anchor: 'here', type: 'integer' } },
    allOf: [
      { $ref: '#draft7' },
      { $ref: '#here' },
      { $ref: '#/definitions/a~1b%25' },
      { $ref: 'http://example.com/root.json#/definitions/c' },
      { not: { $ref: '#' } },
    ],
  })
  assert.deepEqual(mistakes, [])
  assert.deepEqual(
    (schema as { allOf: { $ref: string }[] }).allOf.slice(0, 4).map(({ $ref }) => $ref),
    ['#/definitions/a~1b%25', '#/definitions/c', '#/definitions/a~1b%25', '#/definitions/c'],
  )
})

test('takes shared schemas in, and those that they need', () => {
  const shared = {
    order: { $id: 'order', properties: { item: { $ref: 'item#' }, parent: { $ref: '#' } } },
    item: { $id: 'item', $ref: 'order#/properties/parent' },
    other: {},
  }
  assert.deepEqual(selfContained({ items: { $ref: 'order#/properties/item' } }, shared), {
    mistakes: [],
    schema: {
      items: { $ref: '#/$defs/order/properties/item' },
      $defs: {
        order: { properties: { item: { $ref: '#/$defs/item' }, parent: { $ref: '#/$defs/order' } } },
        item: { $ref: '#/$defs/order/properties/parent' },
      },
    },
  })
})

for (const [what, schema, mistake] of [
  [
    'a pointer to nothing',
    { properties: { a: { $ref: '#/$defs/A' } } },
    '/properties/a/$ref is "#/$defs/A", which leads nowhere',
  ],
  ['a name of nothing', { $ref: 'order.json' }, '/$ref is "order.json", which leads nowhere'],
  [
    'a pointer to something that is no schema',
    { $ref: '#/title', title: 'A' },
    '/$ref is "#/title", which leads nowhere',
  ],
  ['a pointer into a prototype', { $ref: '#/constructor' }, '/$ref is "#/constructor", which leads nowhere'],
  ['a circle', { $ref: '#/$defs/A', $defs: { A: { $ref: '#' } } }, '/$ref is "#/$defs/A", which leads back to itself'],
  ['a dynamic reference', { items: { $dynamicRef: '#a' } }, '/items uses a dynamic reference: use "$ref"'],
] as const) {
  test(`tells of ${what}`, () => assert.equal(selfContained(schema).mistakes[0], mistake))
}

test('tells of what is not JSON', () => {
  const circle: Record<string, unknown> = {}
  circle.not = circle
  for (const schema of [circle, { const: 1n }, undefined]) {
    assert.deepEqual(selfContained(schema).mistakes, ['it cannot be written as JSON'])
  }
})
