import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isForm, isInRange, isJson, parseMediaType } from '../../src/validation/media-type.ts'
import { cpuTime } from '../support/cpu-time.ts'

for (const [header, type, ...charsets] of [
  ['application/json', 'application/json'],
  ['Application/JSON ; Charset=UTF-8', 'application/json', 'utf-8'],
  ['application/json\t;\tcharset="utf\\-8"', 'application/json', 'utf-8'],
  ['application/json;;', 'application/json'],
  ['application/json;a="; charset=utf-16"', 'application/json'],
  ['application/json; charset=utf-8; charset=utf-16', 'application/json', 'utf-8', 'utf-16'],
] as const) {
  test(`reads ${JSON.stringify(header)}`, () =>
    assert.deepEqual(parseMediaType(header), { type, charsets, boundaries: [] }))
}

for (const header of [
  '',
  'json',
  'application/',
  '/json',
  'application/json\ta',
  'application/json a',
  'application/json; charset',
  'application/json; a=',
  'application/json; a =b',
  'application/json, text/plain',
  'application/json; a="b',
  'application /json',
  'application/json\x0b',
  ' application/json',
]) {
  test(`refuses ${JSON.stringify(header)}`, () => assert.equal(parseMediaType(header), null))
}

test('a hostile header is read in linear time', () => {
  const started = cpuTime()
  for (const end of [
    '; '.repeat(30_000) + 'x',
    ' '.repeat(60_000) + 'x',
    ' ;\t'.repeat(20_000) + '\x01',
    ';a="' + '\\"'.repeat(30_000),
  ]) {
    assert.equal(parseMediaType(`a/b${end}`), null)
  }
  assert.ok(cpuTime() - started < 1000)
})

test('knows JSON and forms', () => {
  for (const type of [
    'application/json',
    'application/problem+json',
    'text/json',
    'application/vnd.api+json; v=1',
    'APPLICATION/JSON ;a=b',
  ]) {
    assert.ok(isJson(type), type)
  }
  for (const type of [
    'application/jsonp',
    'application/x-ndjson',
    'text/plain',
    'application/json-seq',
    'text/plain; a=application/json',
  ]) {
    assert.ok(!isJson(type), type)
  }
  assert.ok(isForm('application/x-www-form-urlencoded;charset=utf-8'))
  assert.ok(!isForm('multipart/form-data; boundary=a'))
})

test('every boundary is told, in whatever spelling', () => {
  assert.deepEqual(parseMediaType('multipart/form-data; boundary="a b"; Boundary*0=c')!.boundaries, ['a b', 'c'])
})

test('ranges stand for the types that fit', () => {
  for (const [type, range] of [
    ['application/json', 'application/json'],
    ['text/csv', 'text/*'],
    ['a/b', '*/*'],
    ['application/vnd.x+json', 'application/*+json'],
  ] as const) {
    assert.ok(isInRange(type, range), range)
  }
  for (const [type, range] of [
    ['application/xml', 'application/json'],
    ['textual/csv', 'text/*'],
    ['application/+jso', 'application/*+json'],
    ['application/json', 'application/*+json'],
  ] as const) {
    assert.ok(!isInRange(type, range), range)
  }
})
