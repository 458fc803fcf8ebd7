import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parameterNameMistakes } from '../../src/validation/parameter-names.ts'

const text = { type: 'string' }

for (const [name, schema, parameters, mistakes] of [
  ['the same names', { properties: { id: text } }, ['id'], []],
  ['no names', { type: 'object' }, ['id'], []],
  ['true', true, ['id'], []],
  [
    'an unknown one',
    { properties: { a: text } },
    ['a', 'id'],
    ['it does not have the parameter "id" of "/x" (it has "a"): add it to "properties"'],
  ],
  [
    'a required one beyond the URL',
    { properties: { a: text, b: text }, required: ['b'] },
    ['a'],
    ['it has the parameter "b", which is not in "/x" (which has "a")'],
  ],
  [
    'a mistyped one',
    { properties: { ordrId: text } },
    ['orderId'],
    ['it has the parameter "ordrId", which is not in "/x" (which has "orderId"), did you mean "orderId"?'],
  ],
  [
    'one for one',
    { properties: { sku: text } },
    ['id'],
    ['it has the parameter "sku", which is not in "/x" (which has "id"), did you mean "id"?'],
  ],
  [
    'one where there is none',
    { properties: { id: text } },
    [],
    ['it has the parameter "id", which is not in "/x" (which has none)'],
  ],
  [
    'none where there may be none',
    { properties: {}, additionalProperties: false },
    ['id'],
    ['it does not have the parameter "id" of "/x" (it has none): add it to "properties"'],
  ],
  ['a wildcard that nothing is said about', { properties: { id: text } }, ['id', '*'], []],
  [
    'a wildcard that is refused',
    { properties: { id: text }, additionalProperties: false },
    ['id', '*'],
    ['it does not have the parameter "*" of "/x" (it has "id"): add it to "properties"'],
  ],
  ['further names', { properties: { id: text }, additionalProperties: text }, ['id', 'b'], []],
  ['names by pattern', { patternProperties: { Id$: text } }, ['orderId'], []],
  ['names by reference', { allOf: [{ $ref: '#/$defs/A' }], $defs: { A: { properties: { id: text } } } }, ['id'], []],
  ['a choice', { anyOf: [{ properties: { a: text } }, { required: ['b'] }] }, ['a', 'b'], []],
  ['a reference that leads back', { $ref: '#/$defs/A', $defs: { A: { allOf: [{ $ref: '#/$defs/A' }] } } }, ['a'], []],
] as const) {
  test(`a schema with ${name}`, () => {
    assert.deepEqual(parameterNameMistakes(schema as never, parameters, '/x'), mistakes)
  })
}
