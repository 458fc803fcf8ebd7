import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/temporary-folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

test('runs as an installed package, where Node itself strips no types', (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.ts':
      "import { defineConfig } from 'gatehouse'\nconst port: number = 0\nexport default defineConfig({ port })",
    'routes/users.ts':
      "import { defineUpstream } from 'gatehouse'\nexport default defineUpstream({ name: 'users', targets: ['http://127.0.0.1:9'], auth: 'none', routes: [{ method: 'GET', url: '/users' }] })",
    'package.json': '{ "type": "module" }',
  })
  const installed = join(cwd, 'node_modules/gatehouse')
  // `docs/*.md` and the like are not needed to run
  for (const part of ['package.json', ...manifest.files.filter((name: string) => !name.includes('*'))]) {
    cpSync(join(root, part), join(installed, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(installed, manifest.bin.gatehouse), 'check'], {
    cwd,
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  assert.equal(stdout, 'configuration, 1 route of 1 file and documents are right\n')
  assert.equal(status, 0)
})

test('an old Node is told in one line', (t) => {
  const cwd = temporaryFolder(t, {
    // what an old Node would say of itself, before the file runs
    'old.cjs':
      "Object.defineProperty(process.versions, 'node', { value: '18.20.4' }); Object.defineProperty(process, 'version', { value: 'v18.20.4' })",
  })
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', join(cwd, 'old.cjs'), join(root, 'bin/gatehouse.js'), 'start'],
    { encoding: 'utf8' },
  )
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    'gatehouse: needs Node.js 24 or newer, this is v18.20.4: "npm i -D node" brings one to a project, which npx and its scripts then use\n',
  )
  assert.equal(status, 1)
})

test('compiled code is kept where it can be written, and nothing is said where it cannot', (t) => {
  const kept = temporaryFolder(t)
  for (const folder of [kept, '/dev/null/nowhere']) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/gatehouse.js'), '--version'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE: folder },
    })
    assert.deepEqual([status, stdout, stderr], [0, `${manifest.version}\n`, ''])
  }
  assert.notEqual(readdirSync(kept).length, 0)
})

test('the executable has no syntax or import that Node 18 lacks', () => {
  const text = readFileSync(join(root, 'bin/gatehouse.js'), 'utf8')
  assert.match(text, /^#!\/usr\/bin\/env node\n/)
  // a named import that is missing would fail before the line about the version
  for (const [, names] of text.matchAll(/^import \{([^}]*)\} from 'node:module'/gm)) {
    assert.fail(`named import of ${names}`)
  }
  assert.doesNotMatch(text, /^import .* from '\.|^await /m)
})
