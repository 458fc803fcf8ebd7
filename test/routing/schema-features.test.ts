import { test } from 'node:test'
import { type Feature, json, tryFeatures, values } from '../support/document-features.ts'

const POINT = { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } }
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const row = (schema: unknown, passes: unknown[], refused: unknown[]): Feature => ({
  operation: json(schema),
  passes: values(...passes),
  refused: values(...refused),
})

const KEYWORDS: Record<string, Feature> = {
  type: row({ type: ['integer', 'null'] }, [1, null, 1.0], ['1', 1.5]),
  'enum, const': row({ anyOf: [{ enum: ['a', 1] }, { const: { b: 2 } }] }, ['a', 1, { b: 2 }], ['b', { b: 3 }]),
  numbers: row({ minimum: 2, exclusiveMaximum: 8, multipleOf: 0.5 }, [2, 7.5], [1, 8, 2.2]),
  text: row({ type: 'string', minLength: 2, maxLength: 3, pattern: '^a' }, ['ab', 'a😀b'], ['a', 'abcd', 'ba']),
  lists: row(
    { items: { type: 'integer' }, minItems: 1, maxItems: 2, uniqueItems: true },
    [[1], [1, 2]],
    [[], [1, 2, 3], [1, 1], ['a']],
  ),
  prefixItems: row({ prefixItems: [{ type: 'integer' }], items: false }, [[1], []], [['a'], [1, 2]]),
  contains: row({ contains: { const: 1 }, minContains: 2, maxContains: 3 }, [[1, 1, 2]], [[1], [1, 1, 1, 1]]),
  objects: row(
    {
      properties: { a: { type: 'integer' } },
      patternProperties: { '^x': { type: 'boolean' } },
      additionalProperties: { type: 'string' },
      required: ['a'],
      minProperties: 1,
      maxProperties: 3,
    },
    [{ a: 1, xa: true, b: 'c' }],
    [{}, { a: 1, xa: 1 }, { a: 1, b: 1 }, { a: 1, b: '', c: '', d: '' }],
  ),
  propertyNames: row({ propertyNames: { maxLength: 1 } }, [{ a: 1 }], [{ ab: 1 }]),
  dependentRequired: row(
    { dependentRequired: { a: ['b'] }, dependentSchemas: { c: { required: ['d'] } } },
    [
      { a: 1, b: 1 },
      { c: 1, d: 1 },
    ],
    [{ a: 1 }, { c: 1 }],
  ),
  'allOf, not, if': row(
    {
      allOf: [{ type: 'integer' }, { not: { const: 3 } }],
      if: { minimum: 10 },
      then: { multipleOf: 10 },
      else: { maximum: 5 },
    },
    [5, 20],
    [3, 6, 11],
  ),
  oneOf: row({ oneOf: [{ multipleOf: 3 }, { multipleOf: 5 }] }, [3, 5], [15, 1]),
  unevaluatedProperties: row({ allOf: [ref('Point')], unevaluatedProperties: false }, [{ x: 1 }], [{ x: 1, y: 2 }]),
  unevaluatedItems: row({ prefixItems: [{}], unevaluatedItems: false }, [[1]], [[1, 2]]),
  'true and false': row({ properties: { a: true, b: false } }, [{ a: 1 }], [{ b: 1 }]),
  'a default fills nothing in': row(
    { type: 'object', required: ['a'], properties: { a: { default: 1 } } },
    [{ a: 2 }],
    [{}],
  ),
  'beside $ref': row({ ...ref('Point'), required: ['y'] }, [{ x: 1, y: 1 }], [{ x: 1 }, { y: 1 }]),
  'recursive $ref': row(ref('Tree'), [{ children: [{ children: [] }] }], [{ children: [{ children: 1 }] }]),
  '$id, $anchor, $defs': row(
    { allOf: [{ $ref: 'https://example.com/point' }, { $ref: '#/components/schemas/Named/$defs/inner' }] },
    [{ x: 1, a: 1 }],
    [{ x: 1 }, { a: 1 }],
  ),
  $anchor: row({ $ref: '#corner' }, [{ x: 1 }], [{}]),
  'discriminator, by name': row(
    { oneOf: [ref('cat'), ref('dog')], discriminator: { propertyName: 'kind' } },
    [{ kind: 'cat', lives: 9 }, { kind: 'dog' }],
    [{ kind: 'cat' }, { kind: 'bird' }, { lives: 9 }],
  ),
  'discriminator, mapping': row(
    {
      anyOf: [ref('cat'), ref('dog')],
      discriminator: { propertyName: 'kind', mapping: { tom: 'cat', rex: '#/components/schemas/dog' } },
    },
    [{ kind: 'tom', lives: 9 }, { kind: 'rex' }],
    [{ kind: 'tom' }, { kind: 'bird' }],
  ),
  'discriminator, schemas in place': row(
    {
      oneOf: [
        { required: ['a'], properties: { kind: { const: 'a' } } },
        { required: ['b'], properties: { kind: { const: 'b' } } },
      ],
      discriminator: { propertyName: 'kind' },
    },
    [{ kind: 'a', a: 1 }],
    [{ kind: 'a', b: 1 }],
  ),
  ...Object.fromEntries(
    Object.entries<[string | number, string | number]>({
      date: ['2026-02-28', '2026-02-30'],
      'date-time': ['2026-02-28T10:00:00Z', '2026-02-28'],
      time: ['10:00:00Z', '25:00'],
      duration: ['P1D', '1 day'],
      uri: ['a:b', 'b'],
      'uri-reference': ['/b', '%'],
      'uri-template': ['/{a}', '/{'],
      email: ['a@b.c', 'a'],
      hostname: ['a.b', '-'],
      ipv4: ['1.2.3.4', '1.2.3'],
      ipv6: ['::1', ':::'],
      uuid: ['7c2a5be4-5d0c-4b5e-9a44-0f7f1b0c8a11', '7'],
      regex: ['a', '('],
      'json-pointer': ['/a', 'a'],
      'relative-json-pointer': ['0#', '/'],
      byte: ['YQ==', 'Y!'],
      int32: [1, 2 ** 31],
      int64: [2 ** 40, 1.5],
    }).map(([format, [right, wrong]]) => [
      `format ${format}`,
      row({ type: typeof right === 'number' ? 'number' : 'string', format }, [right], [wrong]),
    ]),
  ),
  'formats that check nothing': row(
    {
      anyOf: [
        { type: 'string', format: 'password' },
        { type: 'number', format: 'float' },
        { type: 'number', format: 'double' },
        { type: 'string', format: 'sku' },
      ],
    },
    ['a', 1e300],
    [true],
  ),
}

const COMPONENTS = {
  schemas: {
    Point: { $id: 'https://example.com/point', $anchor: 'corner', ...POINT },
    Tree: { type: 'object', properties: { children: { type: 'array', items: ref('Tree') } } },
    Named: { $defs: { inner: { required: ['a'] } } },
    cat: { type: 'object', required: ['lives'], properties: { kind: { type: 'string' }, lives: { type: 'integer' } } },
    dog: { type: 'object', properties: { kind: { type: 'string' } } },
  },
}

/** What OpenAPI 3.0 says otherwise. */
const KEYWORDS_3_0: Record<string, Feature> = {
  nullable: row({ type: 'integer', nullable: true }, [1, null], ['1']),
  'nullable, with an enum': row({ type: 'string', nullable: true, enum: ['a', null] }, ['a', null], ['b']),
  'nullable, with an enum that lacks it': row({ type: 'string', nullable: true, enum: ['a'] }, ['a'], [null]),
  'nullable $ref': row({ nullable: true, allOf: [ref('Point')] }, [{ x: 1 }, null], [{}]),
  'exclusiveMinimum is true or false': row(
    { minimum: 1, exclusiveMinimum: true, maximum: 3, exclusiveMaximum: false },
    [2, 3],
    [1, 4],
  ),
  'beside $ref': row({ ...ref('Point'), required: ['y'] }, [{ x: 1 }], [{}]),
  'a file in JSON is base64': row({ type: 'string', format: 'byte' }, ['YQ=='], ['Y!']),
}

test('every keyword of a schema', (t) => tryFeatures(t, KEYWORDS, { components: COMPONENTS }))
test('schemas of OpenAPI 3.0', (t) =>
  tryFeatures(t, KEYWORDS_3_0, { openapi: '3.0.3', components: { schemas: { Point: POINT } } }))
