import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import { shop } from '../support/api-changes.ts'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const env = { GATEHOUSE_JWT_SECRET: 'a-secret-of-at-least-32-characters!' }
const add = (t: TestContext, cwd: string, ...words: string[]) => runCommand(t, ['add', ...words], { cwd, env })

test('add says what is wrong with a document, and that --faults takes it', async (t) => {
  const api = shop()
  api.paths['/orders'].get.parameters = [{ name: 'q', in: 'query', schema: { enum: [] } }]
  const cwd = temporaryFolder(t, { 'api.yaml': stringify({ ...api, servers: [{ url: 'http://127.0.0.1:9' }] }) })
  const refused = await add(t, cwd, 'api.yaml')
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /^api\.yaml:\d+: paths\.\/orders\.get\.parameters\[0\]\.schema\.enum: is an empty list.*\napi\.yaml: all of this can be left out: with --faults omit, \d+ operations are served and 1 are left out/,
  )
  assert.match(
    (await add(t, cwd, 'api.yaml', '--faults', 'ignore')).stderr,
    /--faults "ignore" is not possible, allowed: refuse, omit, loosen/,
  )
  for (const [mode, line] of [
    ['omit', /^fault: api\.yaml:\d+: left out: GET \/orders/m],
    ['loosen', /^fault: api\.yaml:\d+: loosened/m],
  ] as const) {
    const { code, stdout, stderr } = await add(t, cwd, 'api.yaml', '--faults', mode, '--force')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, line)
    assert.match(readFileSync(join(cwd, 'routes/shop.ts'), 'utf8'), new RegExp(`^ {4}faults: '${mode}',$`, 'm'))
    const checked = await runCommand(t, ['check'], { cwd, env })
    assert.deepEqual([checked.code, checked.stderr], [0, ''])
    assert.match(
      checked.stdout,
      mode === 'omit'
        ? /^note: openapi\/shop\.yaml:\d+: left out: GET \/orders/m
        : /^note: openapi\/shop\.yaml:\d+: loosened/m,
    )
  }
})
