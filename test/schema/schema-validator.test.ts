import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../../src/schema/json-schema.ts'
import { compileSchema, schemaMistakes } from '../../src/schema/schema-validator.ts'
import { cpuTime } from '../support/cpu-time.ts'

for (const [schema, mistake] of [
  [{ required: 'sku' }, '/required is not what a JSON Schema has there: array'],
  [{ properties: { a: { properties: 3 } } }, '/properties/a/properties is not what a JSON Schema has there: object'],
  [
    { type: 'text' },
    '/type is not what a JSON Schema has there: one of: array, boolean, integer, null, number, object, string',
  ],
  [{ exclusiveMinimum: true }, '/exclusiveMinimum is not what a JSON Schema has there: number'],
  [
    { items: { format: 'dattime' } },
    '/items/format is "dattime", which is unknown (known are binary, byte, date, date-time,',
  ],
  [{ format: 'constructor' }, '/format is "constructor", which is unknown'],
  [{ pattern: '(' }, 'it has the pattern "(", which is not a regular expression'],
  [{ patternProperties: { '[': {} } }, 'it has the pattern "[", which is not a regular expression'],
  [{ enum: [] }, '/enum is empty, so nothing is valid'],
  [{ nullable: true }, '/nullable needs a "type" beside it'],
  [{ $async: true }, '/$async is not supported'],
  [null, 'it is neither an object nor true or false'],
  [{ minimun: 0 }, '/minimun is an unknown keyword, did you mean "minimum"?'],
  [
    { properties: { a: { items: { maxlength: 3 } } } },
    '/properties/a/items/maxlength is an unknown keyword, did you mean "maxLength"?',
  ],
  [
    { $ref: '#/$defs/A', $defs: { A: { type: 'integer', Minimum: 1 } } },
    '/$defs/A/Minimum is an unknown keyword, did you mean "minimum"?',
  ],
  [{ type: 'number', min: 1 }, '/min is an unknown keyword, did you mean "minimum"?'],
  [
    { properties: { a: { type: 'string', optional: true } } },
    '/properties/a/optional is an unknown keyword, which the object around it states',
  ],
  [{ type: 'string', colour: 'blue' }, '/colour is an unknown keyword, which checks nothing: take it out'],
  [
    { type: 'object', sku: { type: 'string' } },
    "/sku is an unknown keyword, did you mean properties: { sku: { type: 'string' } }?",
  ],
  [
    { sku: 'string' },
    'it has neither "type" nor "properties", so it accepts everything, did you mean { type: \'object\', properties: { sku: { type: \'string\' } } }?',
  ],
  [
    { id: 'int', 'a-b': { type: 'boolean' } },
    "it has neither \"type\" nor \"properties\", so it accepts everything, did you mean { type: 'object', properties: { id: { type: 'integer' }, 'a-b': { type: 'boolean' } } }?",
  ],
  [
    { type: { type: 'string' }, title: 'string' },
    "it has neither \"type\" nor \"properties\", so it accepts everything, did you mean { type: 'object', properties: { type: { type: 'string' }, title: { type: 'string' } } }?",
  ],
  [{ type: 'array', items: { street: 'string' } }, '/items has neither "type" nor "properties"'],
] as const) {
  test(`finds the mistake of ${JSON.stringify(schema)}`, () => {
    const [first = ''] = schemaMistakes(schema as unknown as JsonSchema)
    assert.equal(first.slice(0, mistake.length), mistake)
  })
}

test('parameters, queries and headers are objects', () => {
  for (const part of ['params', 'querystring', 'headers']) {
    assert.match(
      schemaMistakes({ type: 'string' }, part).join(),
      /^it has the type "string", and what it checks is an object/,
    )
    assert.deepEqual(schemaMistakes({ type: ['object', 'null'] }, part), [])
    assert.deepEqual(schemaMistakes({}, part), [])
  }
  assert.deepEqual(schemaMistakes({ type: 'string' }), [])
})

test('a name that begins with x- is a header in a schema of headers, and elsewhere a note', () => {
  assert.match(
    schemaMistakes({ 'x-tenant': 'string' }, 'headers').join(),
    /did you mean \{ type: 'object', properties: \{ 'x-tenant': \{ type: 'string' \} \} \}/,
  )
  assert.deepEqual(schemaMistakes({ 'x-tenant': 'string' }), [])
})

test('finds nothing wrong with what is right, unknown keywords and data included', () => {
  const right: JsonSchema[] = [
    { title: 'An order', description: 'string', type: 'object' },
    { title: 'Anything' },
    { default: { type: 'string' } },
    { not: { type: 'string' } },
    { 'x-a': 'string' },
    {
      type: 'string',
      format: 'date',
      formatMinimum: '2020-01-01',
      style: 'form',
      externalDocs: { url: 'https://x' },
      xml: { name: 'a' },
      contentEncoding: 'base64',
    },
    { $defs: { sku: { type: 'string' } }, properties: { sku: { $ref: '#/$defs/sku' } } },
    true,
    false,
    {},
    { 'x-internal': 1, example: 'a', discriminator: { propertyName: 'kind' } },
    { type: 'string', nullable: true, format: 'uuid' },
    { enum: [{ format: 'not a keyword', pattern: '(' }], default: { enum: [] } },
    { properties: { format: { type: 'string' }, enum: { const: 1 }, pattern: {} } },
  ]
  for (const schema of right) {
    assert.deepEqual(schemaMistakes(schema), [])
    compileSchema(schema, 'json', true)
  }
})

test('thousands of schemas are looked at in the time in which few could be compiled', () => {
  const started = cpuTime()
  for (let i = 0; i < 5000; i++) {
    assert.deepEqual(
      schemaMistakes({
        type: 'object',
        required: ['a'],
        properties: { a: { type: 'string', maxLength: i }, b: { type: 'integer' } },
      }),
      [],
    )
  }
  // compiling takes some 3 ms each; the bound is wide, for machines that are slow
  assert.ok(cpuTime() - started < 5000)
})

test('uniqueItems takes linear time, and equals by value', () => {
  const validate = compileSchema({ uniqueItems: true }, 'json', true)
  const many = Array.from({ length: 50_000 }, (_, i) => ({ i }))
  const started = cpuTime()
  assert.equal(validate(many), true)
  assert.ok(cpuTime() - started < 5000)
  assert.equal(validate([...many, { i: 7 }]), false)
  assert.equal(
    validate([
      { a: 1, b: [{ c: 1, d: 2 }] },
      { b: [{ d: 2, c: 1 }], a: 1 },
    ]),
    false,
  )
  assert.equal(validate([1, '1', [1], ['1'], true, 'true', null, 'null', {}, '{}', [], '[]', 0, false, '']), true)
  assert.equal(validate(['a', 'b', 'a']), false)
})
