import cluster from 'node:cluster'
import { once } from 'node:events'
import type { UpstreamsMemory } from '../upstream/upstream-registry.ts'
import type { Watched } from './file-watch.ts'
import type { LoadedModules } from './loaded-modules.ts'

/** What a gateway sends to the supervisor of `--watch`. */
export type SupervisionMessage =
  /** The files from which it is built, and the maximum duration of its stop in milliseconds. */
  | { watch: Watched; stopsWithin: number }
  /** The modules that it has imported. Sent after a failed start, too. */
  | { imported: LoadedModules }
  /** It cannot start, and a change of these files can fix that. */
  | { mendable: Watched }
  /** It listens. */
  | { ready: true }
  /** The lines that it has logged at its start. */
  | { logged: readonly string[] }
  /** Something other than a file has changed. */
  | { changed: true }
  /** What it knows about its targets. */
  | { state: UpstreamsMemory }
  /** It starts, and asks what the previous gateway knows about its targets. */
  | { asks: 'state' }
  /** It has retired: it accepts no more connections, and keeps this many that are in use. */
  | { retired: number }
  /** It has retired, and the number of its connections in use has changed to this. */
  | { keeps: number }
  /** It closes this many connections because the supervisor has asked it to end. */
  | { ended: number }

/** What the supervisor sends to a gateway. */
export type SupervisorRequest =
  /** Start now, and do not repeat these log lines of the previous gateway's start. */
  | { start: true; logged: readonly string[] }
  /** URLs of the gateway's modules to load before the start. */
  | { engine: readonly string[] }
  /** Retire: leave new connections to the newer gateway. */
  | { retire: true }
  /** Close the remaining connections. */
  | { end: true }
  /** Send what is known about the targets. */
  | { tell: 'state' }
  | { state: UpstreamsMemory }

/**
 * How long to wait for the previous gateway's knowledge of its targets, in milliseconds: that process may be busy.
 * After that, the gateway starts without it.
 */
export const STATE_WAIT = 3000

/** What the previous gateway knows about its targets; empty at the first start and without a supervisor. */
export async function stateBefore(): Promise<UpstreamsMemory> {
  if (cluster.worker === undefined) return {}
  const { promise, resolve } = Promise.withResolvers<UpstreamsMemory>()
  const hear = (received: unknown): void => {
    const message = requestOf(received)
    if (message !== undefined && 'state' in message) resolve(message.state)
  }
  process.on('message', hear)
  tellSupervisor({ asks: 'state' })
  const timer = setTimeout(resolve, STATE_WAIT, {})
  const state = await promise
  clearTimeout(timer)
  process.off('message', hear)
  return state
}

/** Sends what is known about the targets to the supervisor whenever it asks. */
export function tellStateWhenAsked(state: () => UpstreamsMemory): void {
  onRequest((message) => {
    if ('tell' in message) tellSupervisor({ state: state() })
  })
}

/** Calls `hear` with every message of the supervisor, if there is one. */
export function onRequest(hear: (message: SupervisorRequest) => void): void {
  if (cluster.worker === undefined) return
  process.on('message', (received) => {
    const message = requestOf(received)
    if (message !== undefined) hear(message)
  })
}

const requestOf = (message: unknown): SupervisorRequest | undefined =>
  typeof message === 'object' && message !== null && 'gatehouse' in message
    ? (message.gatehouse as SupervisorRequest)
    : undefined

/** Whether a supervisor replaces this gateway when something changes. */
export const isSupervised = (): boolean => cluster.worker !== undefined

/** Sends a message to the supervisor. Does nothing without one. */
export function tellSupervisor(message: SupervisionMessage): void {
  cluster.worker?.send({ gatehouse: message })
}

/** Returns the message if it is one of a gateway, else undefined. */
export function supervisionMessage(message: unknown): SupervisionMessage | undefined {
  return typeof message === 'object' && message !== null && 'gatehouse' in message
    ? (message.gatehouse as SupervisionMessage)
    : undefined
}

/**
 * Disconnects from the supervisor after this process has stopped listening. Connections that the supervisor has handed
 * over in the meantime go back to it, for the next gateway. If the process simply ended, they would be lost.
 */
export async function leaveSupervisor(): Promise<void> {
  const { worker } = cluster
  if (!worker?.isConnected()) return
  const left = once(worker, 'disconnect')
  worker.disconnect()
  await left
}
