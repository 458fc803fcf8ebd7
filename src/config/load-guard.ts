import { AsyncLocalStorage } from 'node:async_hooks'

/** How long a file may take to load, in milliseconds. */
const LOAD_BOUND = 10_000
/** The time limit is counted in this number of ticks. While the whole machine is suspended, at most one tick passes. */
const PARTS = 20

/** A file could not be loaded. The message is a complete explanation. */
export class LoadFailure extends Error {}

interface Loading {
  over: boolean
  fail(reason: LoadFailure): void
}

// identifies the file whose code calls `process.exit`: files are loaded concurrently, and a signal handler may run in
// between
const current = new AsyncLocalStorage<Loading>()
const exit = process.exit
let guarded = 0

/** Replaces `process.exit` while files are loaded. */
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
 * Runs code of a user's file, and prevents it from ending the process.
 * @param givenUp  rejects when the caller stops waiting
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
 * Like `withoutExit`, with a time limit. It also fails when nothing is left that could finish the load: Node would
 * otherwise end the process.
 * @param bound  time limit in milliseconds
 * @throws LoadFailure when the file calls `process.exit`, takes too long, or waits for something that never comes
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
  // the event loop is empty, so nothing can finish the load
  process.once('beforeExit', idle)
  try {
    return await withoutExit(load, stuck.promise)
  } finally {
    clearInterval(timer)
    process.off('beforeExit', idle)
  }
}

/** A promise of a file that rejected without a handler. `path` is absent when the file is unknown. */
export interface LateFailure {
  path?: string
  message: string
}

/**
 * Loads files and collects their unhandled rejections, which would otherwise end the process.
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
    // Node reports the latest rejections after this turn of the event loop
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    return [result, late]
  } finally {
    process.off('unhandledRejection', note)
  }
}
