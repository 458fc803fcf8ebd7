import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findConfigFile, readConfigFile } from '../../src/config/config-file.ts'
import { importFile } from '../../src/config/module-file.ts'
import { BootProblems } from '../../src/errors.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Reads one file, and gives back its content or the lines of its problems. */
async function read(t: TestContext, name: string, text: string, others: Record<string, string> = {}): Promise<unknown> {
  const cwd = temporaryFolder(t, { [name]: text, ...others })
  try {
    return (await readConfigFile(join(cwd, name), cwd)).value
  } catch (error) {
    assert.ok(error instanceof BootProblems, String(error))
    return error.message
  }
}

test('reads every kind of file', async (t) => {
  assert.deepEqual(await read(t, 'gatehouse.config.ts', 'const port: number = 1\nexport default { port }'), { port: 1 })
  assert.deepEqual(await read(t, 'gatehouse.config.mjs', 'export default { port: 2 }'), { port: 2 })
  assert.deepEqual(
    await read(t, 'gatehouse.config.js', 'module.exports = { port: 3 }', { 'package.json': '{ "type": "commonjs" }' }),
    { port: 3 },
  )
  assert.deepEqual(await read(t, 'gatehouse.config.yaml', 'port: 4\nlog: { level: info }'), {
    port: 4,
    log: { level: 'info' },
  })
  assert.deepEqual(await read(t, 'gatehouse.config.yml', '# nothing yet\n'), {})
  assert.deepEqual(await read(t, 'gatehouse.config.json', '\uFEFF{ "port": 5 }'), { port: 5 })
})

test('a file that cannot be read is one line', async (t) => {
  const cwd = temporaryFolder(t, { 'folder.yaml/x': '' })
  for (const [name, reason] of Object.entries({
    'a.yaml': 'no such file',
    'a.json': 'no such file',
    'a.ts': 'no such file',
    'folder.yaml': 'it is a folder',
  })) {
    await assert.rejects(readConfigFile(join(cwd, name), cwd), { message: `${name}: cannot be read: ${reason}` })
  }
})

test('a syntax error is one line with file and line', async (t) => {
  assert.equal(await read(t, 'a.ts', 'export default {\n  port: \n}'), 'a.ts:3: syntax error: Expression expected')
  assert.equal(await read(t, 'a.mjs', 'export default {\n  port: \n}'), "a.mjs:3: syntax error: Unexpected token '}'")
  assert.match(
    String(await read(t, 'b.ts', '\nenum A { B }\nexport default {}')),
    /^b\.ts:2: syntax error: TypeScript enum is not supported in strip-only mode: Node removes types/,
  )
  assert.equal(await read(t, 'a.json', '{\n  "port": abc\n}'), "a.json:2: is not valid JSON: Unexpected token 'a'")
  assert.equal(
    await read(t, 'b.json', '{\n  "port": 1,\n}'),
    'b.json:3: is not valid JSON: Expected double-quoted property name in JSON',
  )
  assert.equal(
    await read(t, 'c.json', '{\n  "port": 1\n'),
    "c.json:3: is not valid JSON: Expected ',' or '}' after property value in JSON",
  )
  assert.equal(await read(t, 'd.json', ''), 'd.json: is empty, allowed: a JSON document')
  assert.equal(await read(t, 'e.json', '{\n"a": 1,\n"a": 2 }'), 'e.json:3: the same key is here a second time')
  assert.equal(
    await read(t, 'a.yaml', 'a: 1\nb: [1\nc: 2\n'),
    'a.yaml:3: is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  )
  assert.equal(
    await read(t, 'b.yaml', 'a: 1\n\na: 2\n'),
    'b.yaml:3: is not valid YAML: the same key is here a second time',
  )
  assert.equal(
    await read(t, 'c.yaml', 'a: 1\n---\nb: 2\n'),
    'c.yaml:2: is not valid YAML: a second document starts here, allowed: one document in a file',
  )
})

test('YAML is plain data: no tags, no other keys than text, no multiplying aliases', async (t) => {
  assert.equal(
    await read(t, 'a.yaml', 'a: !!js/function "x"'),
    'a.yaml:1: is not valid YAML: the tag is not known or does not fit the value',
  )
  assert.equal(await read(t, 'b.yaml', '? [1]\n: 2'), 'b.yaml:1: is not valid YAML: keys must be text')
  assert.equal(
    await read(t, 'c.yaml', 'a: *nowhere'),
    'c.yaml: is not valid YAML: it has an alias without an anchor before it',
  )
  const laughs = [
    'a0: &a0 [x, x]',
    ...Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`),
  ].join('\n')
  assert.equal(await read(t, 'd.yaml', laughs), 'd.yaml: is not accepted: its aliases create too many values')
  assert.deepEqual(await read(t, 'e.yaml', 'a: no\nb: 2026-01-01\nc: 0o17'), { a: 'no', b: '2026-01-01', c: 15 })
})

test('no message quotes the file, which may hold a secret', async (t) => {
  for (const [name, text] of Object.entries({
    'a.json': '{ "secret": hunter2 }',
    'b.json': '{ "secret": "hunter2 }',
    'c.json': '{ "secret": "hunter2" "x" }',
    'a.yaml': 'secret: *hunter2',
    'b.yaml': 'secret: "a" hunter2',
    'c.yaml': 'secret: !hunter2 x',
    'd.yaml': 'secret: "hunter2',
    'e.yaml': 'secret: x\n  hunter2: y: z',
    'f.yaml': 'secret: ]hunter2',
    'g.yaml': 'secret: "\\hunter2"',
    'h.yaml': 'secret: @hunter2',
  })) {
    const message = String(await read(t, name, text))
    assert.match(message, /^[a-h]\.(yaml|json)(:1|:2)?: is not valid/, text)
    assert.doesNotMatch(message, /unter2/, text)
  }
})

test('a module that fails is one line with the place', async (t) => {
  assert.equal(await read(t, 'a.ts', '\n\nthrow new Error("no\\nluck")\n'), 'a.ts:3: failed while it was loaded: no')
  assert.equal(
    await read(t, 'b.ts', 'import x from "./nothing.ts"\nexport default x'),
    'b.ts: imports nothing.ts, which does not exist',
  )
  assert.equal(
    await read(t, 'c.ts', 'import x from "no-such-package"\nexport default x'),
    'c.ts: imports "no-such-package", which is not installed',
  )
  assert.equal(
    await read(t, 'd.ts', 'import { inner } from "./inner.ts"\nexport default inner', {
      'inner.ts': '\nexport const inner = null.x',
    }),
    "d.ts: inner.ts:2: failed while it was loaded: Cannot read properties of null (reading 'x')",
  )
  assert.equal(
    await read(t, 'e.ts', 'export const port = 1'),
    'e.ts: exports no configuration, allowed: export default defineConfig({ ... })',
  )
  assert.equal(await read(t, 'f.mjs', 'throw "text"'), 'f.mjs: failed while it was loaded: text')
})

test('a module that takes too long is one line', async (t) => {
  const cwd = temporaryFolder(t, {
    'a.mjs':
      'const timer = setInterval(() => {}, 1000)\nglobalThis.stopWaiting = () => clearInterval(timer)\nawait new Promise(() => {})',
  })
  t.after(() => (globalThis as unknown as { stopWaiting(): void }).stopWaiting())
  await assert.rejects(importFile(join(cwd, 'a.mjs'), 'a.mjs', 20), {
    message:
      'a.mjs: is not loaded within 0.02 s: an "await" at its top level waits too long, or for something that never comes',
  })
  assert.match(process.exit.toString(), /native|reallyExit/, 'the own one is back')
})

test('finds the file of the working directory', (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.yaml': '' })
  assert.equal(findConfigFile(cwd), join(cwd, 'gatehouse.config.yaml'))
  assert.equal(findConfigFile(temporaryFolder(t)), undefined)
  assert.equal(findConfigFile(cwd, '../x/own.json'), join(cwd, '../x/own.json'))
})

test('several files, or a name with another ending, are a problem', (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.ts': '', 'gatehouse.config.json': '' })
  assert.throws(() => findConfigFile(cwd), {
    message: 'gatehouse.config.ts: there is gatehouse.config.json too: keep one of them, or choose with --config',
  })
  assert.throws(() => findConfigFile(cwd, 'a.toml'), {
    message: 'a.toml: is no configuration file, allowed: names that end with .ts, .js, .mjs, .yaml, .yml, .json',
  })
})

test('tells the line of a field', async (t) => {
  const text = 'port: 1\nlog:\n  level: info\ntargets:\n  - a\n  - url: b\n'
  const cwd = temporaryFolder(t, { 'a.yaml': text, 'a.json': '{\n"port": 1,\n"log": {\n"level": 5 } }' })
  const yaml = await readConfigFile(join(cwd, 'a.yaml'), cwd)
  const lines = [['port'], ['log', 'level'], ['log', 'missing'], ['targets', 1, 'url'], ['missing'], []].map(
    (path) => yaml.linesOf!([path])[0],
  )
  assert.deepEqual(lines, [1, 3, 2, 6, 1, 1])
  const json = await readConfigFile(join(cwd, 'a.json'), cwd)
  assert.equal(json.linesOf!([['log', 'level']])[0], 4)
})
