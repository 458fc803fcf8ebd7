import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { recordModules } from '../../src/cli/loaded-modules.ts'
import { importFile } from '../../src/config/module-file.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('modules of the user and those of the gateway are told apart', async (t) => {
  const folder = temporaryFolder(t, {
    'routes/a.mjs': "import { b } from '../lib/b.mjs'\nimport 'thing'\nexport default b\n",
    'lib/b.mjs': 'export const b = 1\n',
    'routes/c.mjs': "import '../lib/missing.mjs'\n",
    'node_modules/thing/index.js': '',
    'node_modules/thing/package.json': '{ "name": "thing", "exports": "./index.js" }',
  })
  const loaded = recordModules()
  await importFile(join(folder, 'routes/a.mjs'), 'a.mjs')
  await assert.rejects(importFile(join(folder, 'routes/c.mjs'), 'c.mjs'))
  await import('../../src/auth/jwt/dev-token.ts')
  const { files, engine } = loaded()
  assert.deepEqual(
    files.filter((path) => path.startsWith(folder)).sort(),
    ['lib/b.mjs', 'lib/missing.mjs', 'routes/a.mjs', 'routes/c.mjs'].map((name) => join(folder, name)),
  )
  assert.ok(
    engine.some((url) => url.endsWith('/src/auth/jwt/dev-token.ts')),
    engine.join('\n'),
  )
  assert.ok(
    engine.every((url) => !url.includes(folder)),
    engine.join('\n'),
  )
})
