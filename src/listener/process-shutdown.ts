import { spareIdleConnections } from './drain.ts'

/** The part of an application that stopping needs. */
export interface StoppableApp {
  readiness: { ready: boolean }
  server: { closeAllConnections?(): void; closeIdleConnections?(): void }
  close(): PromiseLike<unknown>
  log: Record<'info' | 'warn' | 'fatal', (details: object, message: string) => void> & { flush?(): void }
}

/** Milliseconds. */
export interface ShutdownTimes {
  /** How long readiness is off before the listener closes. */
  delay: number
  /** How long requests in flight may take. */
  timeout: number
}

/** How long after its connection a client may take to send the first byte and not be cut by a stop. */
const FIRST_BYTE = 300
/** Cut connections take a moment until their requests have ended; what is not done by then never will be. */
export const AFTER_CUT = 1000
/** setTimeout takes longer ones for 1 ms. */
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
 * Stops an application without failing a request: readiness goes off, load balancers get `delay` to notice, the
 * listener closes, requests in flight get `timeout` to finish, and what is left then is cut.
 */
export async function shutDown(app: StoppableApp, { delay, timeout }: ShutdownTimes): Promise<void> {
  app.readiness.ready = false
  if (delay > 0) await within(new Promise(() => {}), delay)
  // Node takes a connection on which nothing has come yet for an idle one, though its request is on the way
  spareIdleConnections(app.server, FIRST_BYTE)
  const closed = app.close()
  if (await within(closed, timeout)) return
  app.log.warn({ timeout }, 'requests were still in flight when the time to stop was over: their connections are cut')
  app.server.closeAllConnections?.()
  await within(closed, AFTER_CUT)
}
