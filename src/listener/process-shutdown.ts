import { spareIdleConnections } from './drain.ts'

/** The part of an application that is needed to stop it. */
export interface StoppableApp {
  readiness: { ready: boolean }
  server: { closeAllConnections?(): void; closeIdleConnections?(): void }
  close(): PromiseLike<unknown>
  log: Record<'info' | 'warn' | 'fatal', (details: object, message: string) => void> & { flush?(): void }
}

/** Milliseconds. */
export interface ShutdownTimes {
  /** How long the readiness check fails before the listener closes. */
  delay: number
  /** How long requests in flight may take to finish. */
  timeout: number
}

/** During a stop, how long after connecting a client may take to send its first byte before it is cut off. */
const FIRST_BYTE = 300
/** How long to wait for requests to end after their connections were cut. What has not ended by then never will. */
export const AFTER_CUT = 1000
/** The longest delay that setTimeout supports: a longer one would become 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Resolves to whether `work` was done within `time` milliseconds. */
async function within(work: PromiseLike<unknown>, time: number): Promise<boolean> {
  let timer: NodeJS.Timeout
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, Math.min(time, LONGEST_TIMER), false)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer!)
  }
}

/**
 * Stops an application gracefully. The readiness check begins to fail; load balancers get `delay` to notice; the
 * listener closes; requests in flight get `timeout` to finish; the remaining connections are cut.
 */
export async function shutDown(app: StoppableApp, { delay, timeout }: ShutdownTimes): Promise<void> {
  app.readiness.ready = false
  if (delay > 0) await within(new Promise(() => {}), delay)
  // Node treats a connection without any received byte as idle, although its first request may be in transit
  spareIdleConnections(app.server, FIRST_BYTE)
  const closed = app.close()
  if (await within(closed, timeout)) return
  app.log.warn({ timeout }, 'requests were still in flight when the time to stop was over: their connections are cut')
  app.server.closeAllConnections?.()
  await within(closed, AFTER_CUT)
}
