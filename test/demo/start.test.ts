import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('--help says what there is and starts nothing', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../../demo/start.ts', import.meta.url)), '--help'], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.match(stdout, /^Usage: npm run demo[\s\S]*--port <number>[\s\S]*--watch/)
  assert.equal(status, 0)
})
