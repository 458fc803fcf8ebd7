import { AsyncLocalStorage } from 'node:async_hooks'

/** How long a file may take to load. */
const LOAD_BOUND = 10_000
/** The time is counted in so many parts: while the whole machine stands still, no more than one of them passes. */
const PARTS = 20

/** A file did not load, for a reason that its message tells completely. */
export class LoadFailure extends Error {}

interface Loading {
  over: boolean
  fail(reason: LoadFailure): void
}

// tells whose code calls: files are loaded side by side, and a signal handler may run in between
const current = new AsyncLocalStorage<Loading>()
const exit = process.exit
let guarded = 0

/** In the place of `process.exit` while files are loaded. */
function refuseExit(code?: number | string | null): never {
  const loading = current.getStore()
  if (loading === undefined || loading.over) exit(code)
  const failure = new LoadFailure(
    `calls process.exit(${code ?? ''}) while it is loaded, which would end the gateway without a word: take the call out`,
  )
  loading!.fail(failure)
  throw failure
}

/**
 * Runs code of a user's file that may not end the process.
 * @param givenUp  rejects when nobody waits for it any longer
 * @throws LoadFailure when it calls `process.exit`
 */
export async function withoutExit<Result>(load: () => Promise<Result>, givenUp?: Promise<never>): Promise<Result> {
  const refused = Promise.withResolvers<never>()
  const loading = { over: false, fail: refused.reject }
  if (guarded++ === 0) process.exit = refuseExit
  try {
    return await Promise.race([current.run(loading, load), refused.promise, ...(givenUp ? [givenUp] : [])])
  } finally {
    loading.over = true
    if (--guarded === 0) process.exit = exit
  }
}

/**
 * The same, with an end in any case: left alone, a process in which nothing else is going on would end with code 0.
 * @param bound  milliseconds
 * @throws LoadFailure also when it waits for something that never comes
 */
export async function loadGuarded<Result>(load: () => Promise<Result>, bound = LOAD_BOUND): Promise<Result> {
  const stuck = Promise.withResolvers<never>()
  const late = (): void =>
    stuck.reject(
      new LoadFailure(
        `is not loaded within ${bound / 1000} s: an "await" at its top level waits too long, or for something that never comes`,
      ),
    )
  const idle = (): void =>
    stuck.reject(
      new LoadFailure('is never loaded to its end: an "await" at its top level waits for something that never comes'),
    )
  let left = PARTS
  const timer = setInterval(() => {
    if (--left === 0) late()
  }, bound / PARTS).unref()
  // nothing is left in this process that could go on
  process.once('beforeExit', idle)
  try {
    return await withoutExit(load, stuck.promise)
  } finally {
    clearInterval(timer)
    process.off('beforeExit', idle)
  }
}

/** A promise that a file has left alone, and that has failed. `path` is absent when nothing tells whose it was. */
export interface LateFailure {
  path?: string
  message: string
}

/**
 * Loads files and takes note of promises that fail with nobody to catch them, which would end the process.
 * @param paths  of the files
 */
export async function lateFailures<Result>(
  paths: readonly string[],
  load: () => Promise<Result>,
): Promise<[Result, LateFailure[]]> {
  const late: LateFailure[] = []
  const note = (reason: unknown): void => {
    const { stack = '', message = String(reason) } = reason instanceof Error ? reason : {}
    late.push({
      path: paths.find((path) => stack.includes(`${path}:`)),
      message: `leaves a promise that fails alone: ${message}`,
    })
  }
  process.on('unhandledRejection', note)
  try {
    const result = await load()
    // rejections of the last moment are told after it
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    return [result, late]
  } finally {
    process.off('unhandledRejection', note)
  }
}
