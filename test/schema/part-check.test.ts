import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { PartCheck } from '../../src/schema/part-check.ts'
import { selfContained } from '../../src/schema/self-contained-schema.ts'

const checkOf = (schema: object, part = 'body') => new PartCheck(selfContained(schema).schema, part)
const words = (schema: object, value: unknown): string[] =>
  (checkOf(schema).json(value, 0) ?? []).map(({ pointer, expected }) => `${pointer}: ${expected}`)

for (const [schema, value, ...expected] of [
  [{ type: 'integer' }, 1.5, ': integer'],
  [{ type: ['string', 'null'] }, 1, ': string or null'],
  [{ required: ['sku'] }, {}, ': a property "sku"'],
  [{ required: ['toString', 'constructor'] }, {}, ': a property "toString"', ': a property "constructor"'],
  [{ properties: { constructor: { type: 'string' } } }, {}],
  [
    { additionalProperties: false, properties: { a: {} } },
    { a: 1, x: 1, y: 1 },
    ': no property "x"',
    ': no property "y"',
  ],
  [{ unevaluatedProperties: false }, { x: 1 }, ': no property "x"'],
  [{ propertyNames: { pattern: '^a' } }, { b: 1 }, ': text that matches ^a', ': another name than "b"'],
  [{ dependentRequired: { a: ['b'] } }, { a: 1 }, ': a property "b" beside "a"'],
  [{ enum: ['a', 'b', 1, null] }, 'c', ': one of: a, b, 1, null'],
  [{ const: 'a' }, 'c', ': a'],
  [{ minimum: 1 }, 0, ': at least 1'],
  [{ maximum: 1 }, 2, ': at most 1'],
  [{ exclusiveMinimum: 1 }, 1, ': more than 1'],
  [{ exclusiveMaximum: 1 }, 1, ': less than 1'],
  [{ multipleOf: 5 }, 1, ': a multiple of 5'],
  [{ minLength: 1 }, '', ': at least 1 character'],
  [{ maxLength: 2 }, 'abc', ': at most 2 characters'],
  [{ minItems: 2 }, [], ': at least 2 items'],
  [{ prefixItems: [{}], items: false }, [1, 2], ': at most 1 item'],
  [{ minProperties: 2 }, {}, ': at least 2 properties'],
  [{ maxProperties: 1 }, { a: 1, b: 1 }, ': at most 1 property'],
  [{ uniqueItems: true }, [1, 1], ': items that all differ'],
  [{ contains: { const: 1 } }, [2], '/0: 1', ': at least 1 item of the kind that is asked for'],
  [{ format: 'date-time' }, 'yesterday', ': format date-time'],
  [{ pattern: '^\\d+$' }, 'a', ': text that matches ^\\d+$'],
  [{ not: {} }, 1, ': something else'],
  [false, 1, ': nothing'],
  [Type.Union([Type.Literal('a'), Type.Literal('b'), Type.Null()]), 'c', ': one of: a, b, or null'],
  [
    Type.Union([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })]),
    {},
    ': a property "a", or a property "b"',
  ],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 1, ': exactly one of the forms that are allowed'],
  [
    Type.Object({ 'a/b': Type.Array(Type.Object({ '~': Type.Integer() })) }),
    { 'a/b': [{ '~': 1 }, { '~': '1' }] },
    '/a~1b/1/~0: integer',
  ],
] as [object, unknown, ...string[]][]) {
  test(`${JSON.stringify(schema)} of ${JSON.stringify(value)} expects ${expected.join(' and ') || 'just that'}`, () => {
    assert.deepEqual(words(schema, value), expected)
  })
}

test('lists every violation, a hundred at most, and no text without end', () => {
  assert.equal(
    words(
      { items: { type: 'string' } },
      Array.from({ length: 500 }, () => 1),
    ).length,
    100,
  )
  const [violation] = checkOf({ additionalProperties: false }).json({ ['x'.repeat(10_000)]: 1 }, 0)!
  assert.equal(violation!.pointer, '')
  assert.equal(violation!.expected.length, 303)
  const deep = checkOf({ additionalProperties: { additionalProperties: { type: 'string' } } }).json(
    { a: { ['y'.repeat(10_000)]: 1 } },
    0,
  )
  assert.equal(deep![0]!.pointer, '/a')
})

test('stops at the first violation of a large value, so that broken limits protect', () => {
  const check = checkOf({ type: 'array', maxItems: 3, items: { type: 'string' } })
  const value = Array.from({ length: 50_000 }, () => 1)
  assert.deepEqual(check.json(value, 100_000), [{ in: 'body', pointer: '', expected: 'at most 3 items' }])
})

test('a value nested deeper than the stack is refused, and the next one checked', () => {
  const check = checkOf({ type: 'array', items: { $ref: '#' } })
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
  assert.deepEqual(check.json(deep, 200_000), [{ in: 'body', pointer: '', expected: 'fewer values within values' }])
  assert.equal(check.json([[]], 4), null)
  assert.equal(checkOf({ type: 'array' }).json(deep, 200_000), null)
})

test('text stands for numbers and booleans, and is not changed', () => {
  const check = checkOf(
    {
      properties: {
        n: { type: 'integer' },
        b: { type: 'boolean' },
        l: { type: 'array', items: { type: 'number' } },
        s: { type: 'string' },
      },
      additionalProperties: false,
    },
    'query',
  )
  for (const values of [
    { n: '5', b: 'true', l: '1.5', s: '5' },
    { n: '-7e2', b: 'false', l: ['1', '2'], s: '0x10' },
    { n: '007' },
  ]) {
    const before = structuredClone(values)
    assert.equal(check.text(values), null)
    assert.deepEqual(values, before)
  }
  assert.deepEqual(check.text({ n: '5.5', b: '1', __proto__: null }), [
    { in: 'query', pointer: '/n', expected: 'integer' },
    { in: 'query', pointer: '/b', expected: 'boolean' },
  ])
  assert.deepEqual(check.text(JSON.parse('{ "__proto__": "x" }')), [
    { in: 'query', pointer: '', expected: 'no property "__proto__"' },
  ])
})

for (const text of ['0x10', '0b1', '1e400', 'Infinity', ' 5', '5 ', '+5', '5.', '.5']) {
  test(`"${text}" is no number, whatever JavaScript says`, () => {
    const check = checkOf(
      { properties: { n: { type: 'number' }, l: { type: 'array', items: { type: 'number' } } } },
      'query',
    )
    assert.equal(check.text({ n: text })![0]!.pointer, '/n')
    assert.equal(check.text({ l: ['1', text] })![0]!.pointer, '/l/1')
  })
}

test('a schema that cannot be compiled lets nothing through', () => {
  const check = new PartCheck({ $ref: '#/nowhere' }, 'body')
  assert.throws(() => check.json({}, 0), { code: 'GW_INTERNAL' })
})
