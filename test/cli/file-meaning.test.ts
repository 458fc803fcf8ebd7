import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameMeaning } from '../../src/cli/file-meaning.ts'

const same = (name: string, before: string, after: string): boolean =>
  sameMeaning(`/routes/${name}`, Buffer.from(before), Buffer.from(after))

const EQUAL: [name: string, before: string, after: string][] = [
  ['a.ts', 'export default { a: 1 }', '// a comment\nexport default {\n  a: 1, /* another */\n}\n'],
  [
    'a.ts',
    'const a = 1\nexport default a',
    'const a: number = 1\ninterface B { c: string }\nexport default a as number',
  ],
  ['a.ts', "const a = 'x'", 'const a = "\\x78"'],
  ['a.mts', 'export const a = /b/g', '\n\nexport const a = /b/g;\n'],
  ['a.js', 'module.exports = 5\nreturn', 'module.exports = 5 // CommonJS\nreturn'],
  ['a.json', '{"a":[1,2]}', '{\n  "a": [1, 2]\n}\n'],
  ['a.yaml', 'a: [1, x]\n', '# a comment\na:\n  - 1\n  - "x"\n'],
  ['a.txt', 'a', 'a'],
]
const DIFFERENT: [name: string, before: string, after: string][] = [
  ['a.ts', 'export default { a: 1 }', 'export default { a: 2 }'],
  ['a.ts', 'const a = "// x"', 'const a = "// y"'],
  ['a.ts', 'const a = `\n// x`', 'const a = `\n// y`'],
  ['a.ts', 'const a = b / c / 1 // x', 'const a = b / c // 1 x'],
  // a line break that is a semicolon
  ['a.js', 'function f () { return 1 }', 'function f () { return\n1 }'],
  ['a.js', 'const a = 1e999', 'const a = null'],
  ['a.js', 'const a = 10n', 'const a = 11n'],
  ['a.js', 'const a = /b/g', 'const a = /b/i'],
  // with a mistake, or in a language of its own
  ['a.ts', 'export default {', 'export default  {'],
  ['a.ts', 'enum A { B }', 'enum  A { B }'],
  ['a.json', '{"a":1}', '{"a":1,"a":1}'],
  ['a.json', '{"a":1,"b":2}', '{"b":2,"a":1}'],
  ['a.yaml', 'a: null', 'a: .inf'],
  ['a.yaml', 'a: 1', 'a: "1"'],
  ['a.txt', 'a', 'a '],
]

for (const [name, before, after] of EQUAL) {
  test(`${name}: ${JSON.stringify(after)} means what ${JSON.stringify(before)} does`, () =>
    assert.ok(same(name, before, after)))
}
for (const [name, before, after] of DIFFERENT) {
  test(`${name}: ${JSON.stringify(after)} means something else than ${JSON.stringify(before)}`, () =>
    assert.ok(!same(name, before, after)))
}
