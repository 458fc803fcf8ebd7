import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { documentYaml } from '../../src/portal/document-yaml.ts'

test('a document as YAML is the same document, without aliases', async () => {
  const text = 'First line,\n\n  indented, with a trailing space \nand: "quotes" # no comment\n'
  const shared = {
    description: text,
    long: 'word '.repeat(100),
    empty: '',
    odd: ['yes', 'null', '1.0', ' ', '- x', '\ttab', '\u2028'],
  }
  const document = {
    openapi: '3.1.0',
    info: { title: 'T', description: text, nothing: {} },
    tags: [shared, []],
    paths: {
      '/a/{b}': { get: shared, put: shared },
      "it's: odd": shared,
      'two\nlines': { get: shared },
      yes: {},
      '': { x: 1 },
      5: true,
    },
    components: { schemas: { 'a.B': shared, '': shared, 'more\nlines': { deep: { deeper: shared } } }, none: {} },
  }
  const yaml = await documentYaml(document)
  assert.deepEqual(parse(yaml), document)
  assert.doesNotMatch(yaml, /^\s*[^'"]*[&*]a\d/m)
  assert.match(yaml, /^openapi: 3\.1\.0\n/)
})
