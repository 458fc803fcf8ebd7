import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const GUARD = new URL('../../src/config/busy-guard.ts', import.meta.url).href

/** Loads two files, of which the second does as stated, in a process of its own. */
function load(second: string, bound: number): { signal: string | null; stdout: string; stderr: string } {
  const script = `const { withoutLoop } = await import(${JSON.stringify(GUARD)})
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
await withoutLoop(['first.ts', 'second.ts'], async (loaded) => { loaded('first.ts'); ${second} }, ${bound})
console.log('loaded')`
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  return { signal, stdout, stderr }
}
const busyFor = (seconds: number): string =>
  `second.ts: keeps the process busy for more than ${seconds} s while it is loaded: look for a loop without an end\n`

test('a loop without an end ends the process, with the name of its file', () => {
  assert.deepEqual(load('for (;;);', 1000), { signal: 'SIGKILL', stdout: '', stderr: busyFor(1) })
})

test('time that passes without use of the processor counts for a tenth', () => {
  assert.deepEqual(load('sleep(1500)', 500), { signal: null, stdout: 'loaded\n', stderr: '' })
  assert.deepEqual(load('sleep(600_000)', 300), { signal: 'SIGKILL', stdout: '', stderr: busyFor(3) })
})
