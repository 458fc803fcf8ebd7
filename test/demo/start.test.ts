import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('--help says what there is and starts nothing', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('../../demo/start.ts', import.meta.url)), '--help'], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.match(stdout, /^Usage: npm run demo[\s\S]*--port <number>[\s\S]*--watch/)
  assert.equal(status, 0)
})

test('SIGHUP ends nothing', async (t) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../demo/start.ts', import.meta.url)), '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await ended
  })
  const url = await found(createInterface({ input: child.stdout }), /http:\/\/127\.0\.0\.1:\d+/)
  const said = once(createInterface({ input: child.stderr }), 'line')
  child.kill('SIGHUP')
  assert.match((await said)[0] as string, /SIGHUP is ignored/)
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

/** The first match in some lines. */
async function found (lines: AsyncIterable<string>, pattern: RegExp): Promise<string> {
  for await (const line of lines) {
    const match = pattern.exec(line)
    if (match) return match[0]
  }
  throw new Error(`ended without ${pattern}`)
}
