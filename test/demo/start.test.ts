import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

test('--help says what there is and starts nothing', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('../../demo/start.ts', import.meta.url)), '--help'],
    { encoding: 'utf8' },
  )
  assert.equal(stderr, '')
  assert.match(stdout, /^Usage: npm run demo[\s\S]*--port <number>[\s\S]*--watch/)
  assert.equal(status, 0)
})

for (const [watching, wording] of [
  [[], /run it with --watch$/],
  [['--watch'], /changes of files are taken over by themselves$/],
] as const) {
  test(`SIGHUP ends nothing ${watching.join()}`, (t) => survivesHangup(t, watching, wording))
}

async function survivesHangup(t: TestContext, watching: readonly string[], wording: RegExp): Promise<void> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../demo/start.ts', import.meta.url)), '--port', '0', ...watching],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = once(child, 'close')
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await ended
  })
  const url = await found(createInterface({ input: child.stdout }), /http:\/\/127\.0\.0\.1:\d+/)
  const said = found(createInterface({ input: child.stderr }), /SIGHUP is ignored.*/)
  child.kill('SIGHUP')
  assert.match(await said, wording)
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
}

/** The first match in some lines. */
async function found(lines: AsyncIterable<string>, pattern: RegExp): Promise<string> {
  for await (const line of lines) {
    const match = pattern.exec(line)
    if (match) return match[0]
  }
  throw new Error(`ended without ${pattern}`)
}
