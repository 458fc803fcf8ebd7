import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { APPLICATIONS } from '../../bench/applications/all-applications.ts'
import { readDeclarations, withPorts } from '../../bench/applications/declarations.ts'
import { loadRouteFiles } from '../../src/routing/route-files.ts'

describe('docs/applications.md', () => {
  test('its declarations load as they are, with the ports that the proof puts in', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-applications-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const declarations = readDeclarations()
    assert.deepEqual([...declarations.keys()].sort(), APPLICATIONS.map(({ name }) => name).sort())
    for (const declaration of declarations.values()) {
      const ports = declaration.name === 'socket-io' ? [5001, 5002] : [5001]
      await writeFile(join(folder, `${declaration.name}.yaml`), withPorts(declaration, ports))
    }
    const options = { authInherited: false, openapi: folder, baseDir: folder, bodyLimit: undefined }
    const { files, problems } = await loadRouteFiles(folder, options)
    assert.deepEqual(problems, [])
    assert.equal(files.length, declarations.size)
  })

  test('a declaration takes as many ports as it has targets', () => {
    const yaml = "name: two\nhosts: ['two.localhost']\ntargets: ['http://127.0.0.1:1', 'http://127.0.0.1:2']\n"
    const two = readDeclarations('```yaml\n# routes/two.yaml\n' + yaml + '```\n').get('two')!
    assert.deepEqual(two, { name: 'two', yaml, host: 'two.localhost', lines: 3 })
    assert.match(withPorts(two, [5001, 5002]), /'http:\/\/127\.0\.0\.1:5001', 'http:\/\/127\.0\.0\.1:5002'/)
    assert.throws(() => withPorts(two, [5001]), /two has 2 targets, expected 1/)
  })
})
