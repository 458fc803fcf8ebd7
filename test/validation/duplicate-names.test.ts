import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdsNameTwice } from '../../src/validation/duplicate-names.ts'

const twice = (text: string): boolean => holdsNameTwice(text, JSON.parse(text))

test('an object with a name twice is found, however it is spelled and wherever it is', () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":1}',
    '[[{"b":[{"a":1,"c":{},"a":1}]}]]',
    '{"a:":1,"a:":2}',
    '{"\\"":1,"\\"":2}',
    '{"\\\\":1,"\\\\":2}',
    '{"":1, "" :2}',
    '{"a":{"a":1},"a":{"a":1}}',
    '{"1":1,"1":2}',
  ]) {
    assert.ok(twice(text), text)
  }
})

test('nothing else is taken for one', () => {
  for (const text of [
    '{}',
    '[]',
    '5',
    '"a:b"',
    'null',
    '{"a":1,"A":2}',
    '{"a":"b:c","b":":"}',
    '{"a\\":":1,"b":"\\\\"}',
    '["a:",{"a":[{"a":{"a":":\\":"}}]}]',
    '{"a":1.5e3,"b":[1,2,[3]],"c":null}',
    '{"constructor":1,"__proto__":2,"toString":3}',
    `[${'"",'.repeat(100_000)}{"a":1}]`,
  ]) {
    assert.ok(!twice(text), text.slice(0, 100))
  }
})
