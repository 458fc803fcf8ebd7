import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/temporary-folder.ts'

const RESOLVER = new URL('../../src/routing/self-resolver.ts', import.meta.url).href
const FACE = new URL('../../src/index.ts', import.meta.url).href

/** Imports a file of a folder elsewhere on the disk, in a process of its own, and prints its default export as JSON. */
async function importElsewhere(
  t: TestContext,
  files: Record<string, string>,
  file: string,
  { times = 1 } = {},
): Promise<unknown> {
  const cwd = temporaryFolder(t, files)
  const script = `const { registerSelfResolver } = await import(${JSON.stringify(RESOLVER)})
for (let i = 0; i < ${times}; i++) registerSelfResolver()
const { default: value } = await import(${JSON.stringify(join(cwd, file))})
console.log(JSON.stringify(value))`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('a file anywhere on the disk imports this package', async (t) => {
  const text = `import * as gatehouse from 'gatehouse'
import * as same from ${JSON.stringify(FACE)}
const names: string[] = ['buildApp', 'defineConfig', 'defineUpstream', 'Type']
export default [gatehouse === same, names.filter((name) => !(name in gatehouse))]`
  assert.deepEqual(await importElsewhere(t, { 'deep/er/a.ts': text }, 'deep/er/a.ts', { times: 3 }), [true, []])
})

test('another package of that name does not come between', async (t) => {
  const files = {
    'node_modules/gatehouse/package.json': '{ "name": "gatehouse", "type": "module", "exports": "./index.js" }',
    'node_modules/gatehouse/index.js': 'export const other = true',
    'a.mjs': "import * as gatehouse from 'gatehouse'\nexport default 'other' in gatehouse",
  }
  assert.equal(await importElsewhere(t, files, 'a.mjs'), false)
})

test('typebox and its parts are lent to files that have none installed', async (t) => {
  const text =
    "import Type from 'typebox'\nimport { Value } from 'typebox/value'\nexport default Value.Check(Type.Integer(), 5)"
  assert.equal(await importElsewhere(t, { 'a.ts': text }, 'a.ts'), true)
})

test('a typebox of their own wins', async (t) => {
  const files = {
    'node_modules/typebox/package.json': '{ "name": "typebox", "type": "module", "exports": "./index.js" }',
    'node_modules/typebox/index.js': "export default 'own'",
    'a.mjs': "export { default } from 'typebox'",
  }
  assert.equal(await importElsewhere(t, files, 'a.mjs'), 'own')
})

test('nothing else is lent', async (t) => {
  await assert.rejects(
    importElsewhere(t, { 'a.mjs': "export { default } from 'fastify'" }, 'a.mjs'),
    /Cannot find package 'fastify'/,
  )
})
