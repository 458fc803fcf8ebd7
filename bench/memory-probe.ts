import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** What a process says of itself, for `bench/idle-memory.ts`. Bytes. */
export interface ProbedMemory {
  heapUsed: number
  external: number
  modules: number
}

/** Preloaded with `--import`: counts the modules that are loaded, and writes all into `MEMORY_FILE` on SIGUSR2. */
if (isMainThread && process.env.MEMORY_FILE !== undefined) {
  let modules = 0
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith('node:')) modules++
      return nextLoad(url, context)
    },
  })
  process.on('SIGUSR2', () => {
    const { heapUsed, external } = process.memoryUsage()
    writeFileSync(process.env.MEMORY_FILE!, JSON.stringify({ heapUsed, external, modules } satisfies ProbedMemory))
  })
}
