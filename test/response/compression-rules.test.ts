import assert from 'node:assert/strict'
import { test } from 'node:test'
import { looksCompressed } from '../../src/response/codings.ts'
import { CompressionRules } from '../../src/response/compression-rules.ts'

test('what is compressed by default, and what is not', () => {
  const rules = new CompressionRules(true)
  for (const type of [
    'text/plain',
    'text/html; charset=utf-8',
    'application/json',
    'Application/JSON',
    'application/problem+json;v=1',
    'application/xml',
    'image/svg+xml',
    'text/javascript',
    'application/javascript',
    'application/wasm',
    'application/atom+xml',
    'application/x-ndjson',
  ]) {
    assert.ok(rules.covers(type, 2000), type)
  }
  for (const type of [
    'image/png',
    'image/jpeg',
    'application/zip',
    'application/gzip',
    'video/mp4',
    'application/octet-stream',
    'application/pdf',
    'font/woff2',
    'text/event-stream',
    'TEXT/Event-Stream; x',
    'application/grpc',
    '',
    undefined,
    'x',
  ]) {
    assert.ok(!rules.covers(type, 2000), String(type))
  }
  assert.deepEqual(
    [0, 1023, 1024, undefined].map((length) => rules.covers('text/plain', length)),
    [false, false, true, true],
  )
  assert.ok(!rules.covers('text/plain', NaN), 'a length that is none')
})

test('own types, size and encodings', () => {
  const rules = new CompressionRules({ types: ['text/*', 'application/x-own'], minSize: 0, encodings: ['gzip'] })
  assert.deepEqual(rules.encodings, ['gzip'])
  assert.deepEqual(
    ['text/css', 'application/x-own; a=b', 'application/json', 'text/event-stream'].map((type) =>
      rules.covers(type, 1),
    ),
    [true, true, false, false],
  )
  assert.ok(!rules.covers('text/css', 0), 'nothing gets no smaller')
})

test('text that begins as compressed data do', () => {
  for (const text of ['80,1', 'x + 1', 'x^2', Buffer.from([0x1f, 0x8b, 8]), Buffer.from([0x78, 0x9c])]) {
    assert.ok(looksCompressed(text), String(text))
  }
  for (const text of ['', '{', '81', 'xy', Buffer.from([0x1f, 0x8b, 7])]) {
    assert.ok(!looksCompressed(text), String(text))
  }
})
