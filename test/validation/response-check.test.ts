import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { compileResponseCheck, responseMistakes } from '../../src/validation/response-check.ts'

const check = compileResponseCheck({
  200: Type.Object({ id: Type.Integer() }),
  '2XX': Type.Object({ ok: Type.Boolean() }),
  204: { type: 'null' },
  '4xx': { type: 'string', maxLength: 5 },
})
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

test('the nearest status has the word, and without one there is nothing to say', () => {
  assert.equal(check(200, 'application/json', json({ id: 1 })), null)
  assert.deepEqual(check(200, 'application/json; charset=utf-8', json({ id: 'a' })), [
    { in: 'body', pointer: '/id', expected: 'integer' },
  ])
  assert.deepEqual(check(201, 'application/json', json({ id: 1 })), [
    { in: 'body', pointer: '', expected: 'a property "ok"' },
  ])
  assert.equal(check(500, 'text/html', Buffer.from('<h1>')), null)
  const other = compileResponseCheck({ default: { type: 'array' } })
  assert.equal(other(500, 'application/problem+json', json({}))![0]!.expected, 'array')
})

test('what is not JSON is said, and does not throw', () => {
  assert.deepEqual(check(200, 'text/html', Buffer.from('<h1>')), [{ in: 'body', pointer: '', expected: 'object' }])
  assert.deepEqual(check(200, 'application/octet-stream', json({ id: 1 })), [
    { in: 'headers', pointer: '/content-type', expected: 'application/json' },
  ])
  assert.deepEqual(check(200, undefined, json({ id: 1 })), [
    { in: 'headers', pointer: '/content-type', expected: 'application/json' },
  ])
  for (const body of [Buffer.from('{'), Buffer.from('"\xff"', 'latin1'), Buffer.alloc(0)]) {
    assert.deepEqual(check(200, 'application/json', body), [{ in: 'body', pointer: '', expected: 'well-formed JSON' }])
  }
})

test('text is checked as text, and no body as null', () => {
  assert.equal(check(404, 'text/plain', Buffer.from('gone')), null)
  assert.equal(check(404, 'text/plain', Buffer.from('not here'))![0]!.expected, 'at most 5 characters')
  assert.equal(check(204, undefined, Buffer.alloc(0)), null)
})

test('mistakes in schemas are found without compiling them', () => {
  assert.deepEqual(responseMistakes({ 200: { type: 'object' }, 404: { $ref: '#/x' }, '5xx': { enum: [] } }), [
    '404: /$ref is "#/x", which leads nowhere',
    '5xx: /enum is empty, so nothing is valid',
  ])
})

test('a status beyond the classes is a server error', () => {
  const check = compileResponseCheck({ '5xx': { type: 'object' }, default: { type: 'string' } })
  for (const status of [500, 600, 999]) {
    assert.equal(check(status, 'application/json', Buffer.from('{}')), null, String(status))
    assert.notEqual(check(status, 'application/json', Buffer.from('""')), null, String(status))
  }
  assert.equal(compileResponseCheck({ default: { type: 'string' } })(700, 'application/json', Buffer.from('""')), null)
})
