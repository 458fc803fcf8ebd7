import { Worker } from 'node:worker_threads'
import { LOAD_BOUND } from './load-guard.ts'

/** Room for the names of the files. */
const SHARED_BYTES = 4096

/** How often the watcher looks. Milliseconds. */
const LOOK = 250
/** So many times the bound is for what waits without using the processor, such as a program that never ends. */
const IDLE_BOUNDS = 10

/**
 * Runs beside the main thread, which is deaf while a file keeps it busy. What counts is the time of the processor: a
 * machine that is overloaded, or asleep, is not the fault of a file. For the same reason waiting is counted in looks.
 */
const WATCHER = `
const { workerData: { shared, bound, look, idleBounds } } = require('node:worker_threads')
const state = new Int32Array(shared, 0, 2)
const begun = process.cpuUsage()
for (let looks = 1; Atomics.wait(state, 0, 0, look) === 'timed-out'; looks++) {
  const { user, system } = process.cpuUsage(begun)
  const busy = (user + system) / 1000 > bound ? bound : looks * look > idleBounds * bound ? idleBounds * bound : 0
  if (busy === 0) continue
  const names = Buffer.from(new Uint8Array(shared, 8, state[1])).toString()
  require('node:fs').writeSync(2, names + ': keeps the process busy for more than ' + Math.round(busy / 1000) + ' s while it is loaded: look for a loop without an end\\n')
  process.kill(process.pid, 'SIGKILL')
}`

/**
 * Ends the process, with a line that names the files in question, when one that is loaded never lets go of it: nothing
 * that runs on the same thread could.
 * @param names  of the files that are loaded
 * @param bound  milliseconds of the processor
 */
export async function withoutLoop<Result>(
  names: readonly string[],
  load: (loaded: (name: string) => void) => Promise<Result>,
  bound = LOAD_BOUND + 2000,
): Promise<Result> {
  if (names.length === 0) return load(() => {})
  const shared = new SharedArrayBuffer(SHARED_BYTES)
  const state = new Int32Array(shared, 0, 2)
  const left = new Set(names)
  const tell = (): void => {
    state[1] = new TextEncoder().encodeInto([...left].join(' or '), new Uint8Array(shared, 8)).written
  }
  tell()
  // options of the main thread, such as --input-type, would be those of the watcher too
  const watcher = new Worker(WATCHER, {
    eval: true,
    execArgv: [],
    workerData: { shared, bound, look: LOOK, idleBounds: IDLE_BOUNDS },
  })
  watcher.unref()
  try {
    return await load((name) => {
      left.delete(name)
      tell()
    })
  } finally {
    Atomics.store(state, 0, 1)
    Atomics.notify(state, 0)
  }
}
