import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadRouteFiles } from '../../src/routing/route-files.ts'
import { readmeTemplates } from '../e2e/readme-template.ts'

describe('routes/README.md', () => {
  test('its templates load as they are', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-readme-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const templates = await readmeTemplates('http://127.0.0.1:5001')
    for (const [file, content] of Object.entries(templates)) await writeFile(join(folder, file), content)
    await writeFile(join(folder, 'README.md'), 'not a route')
    const openapi = fileURLToPath(new URL('../../openapi', import.meta.url))
    const { files, problems } = await loadRouteFiles(folder, {
      authInherited: false,
      openapi,
      baseDir: folder,
      bodyLimit: undefined,
    })
    assert.deepEqual(problems, [])
    assert.equal(files.length, 4)
  })

  test('the template in TypeScript and the one in YAML say the same', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-readme-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const { 'inventory.ts': script, 'inventory.yaml': yaml } = await readmeTemplates('http://127.0.0.1:5001')
    await writeFile(join(folder, 'a.ts'), script)
    await writeFile(join(folder, 'b.yaml'), yaml)
    const { files, problems } = await loadRouteFiles(folder, {
      authInherited: false,
      openapi: folder,
      baseDir: folder,
      bodyLimit: undefined,
    })
    assert.deepEqual(problems, [])
    const [fromScript, fromYaml] = files.map(
      (file) => 'declaration' in file && JSON.parse(JSON.stringify(file.declaration)),
    )
    assert.deepEqual(fromYaml, fromScript)
  })
})
