import cluster from 'node:cluster'
import { once } from 'node:events'
import type { UpstreamsMemory } from '../upstream/upstream-registry.ts'
import type { Watched } from './file-watch.ts'
import type { LoadedModules } from './loaded-modules.ts'

/** What a gateway reports to the supervisor of `--watch`. */
export type SupervisionMessage =
  /** What it is made of, and how many milliseconds its stop takes at most. */
  | { watch: Watched; stopsWithin: number }
  /** What it has imported; also when it could not start. */
  | { imported: LoadedModules }
  /** It cannot start, for mistakes that a change of these files can mend. */
  | { mendable: Watched }
  /** It listens. */
  | { ready: true }
  /** It has these lines to log at its start. */
  | { logged: readonly string[] }
  /** Something has changed that is no file. */
  | { changed: true }
  /** What it knows of its targets. */
  | { state: UpstreamsMemory }
  /** It starts, and wants to know what the gateway before knows of its targets. */
  | { asks: 'state' }
  /** It accepts no more connections, and keeps this many that are in use. */
  | { retired: number }
  /** It has retired, and so many connections are still in use, other than it said before. */
  | { keeps: number }
  /** It closes this many connections, since the supervisor wants it to end. */
  | { ended: number }

/** What the supervisor sends to a gateway. */
export type SupervisorRequest =
  /** Start now, and leave out these lines of the start, which the gateway before has logged. */
  | { start: true; logged: readonly string[] }
  /** Modules of the gateway to load before the start: URLs. */
  | { engine: readonly string[] }
  /** Leave new connections to the gateway that has started. */
  | { retire: true }
  /** Close the connections that are left. */
  | { end: true }
  /** Report what is known of the targets. */
  | { tell: 'state' }
  | { state: UpstreamsMemory }

/** Milliseconds to wait for what another process knows, which may be busy; without it the gateway begins anew. */
export const STATE_WAIT = 3000

/** What the gateway before has known of its targets; nothing at the first start, and without a supervisor. */
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

/** Tells the supervisor what is known of the targets, whenever it asks. */
export function tellStateWhenAsked(state: () => UpstreamsMemory): void {
  onRequest((message) => {
    if ('tell' in message) tellSupervisor({ state: state() })
  })
}

/** Calls `hear` with what the supervisor sends, if there is one. */
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

/** Whether a supervisor makes this gateway anew when something changes. */
export const isSupervised = (): boolean => cluster.worker !== undefined

/** Does nothing in a process without a supervisor. */
export function tellSupervisor(message: SupervisionMessage): void {
  cluster.worker?.send({ gatehouse: message })
}

/** The message, if it is one. */
export function supervisionMessage(message: unknown): SupervisionMessage | undefined {
  return typeof message === 'object' && message !== null && 'gatehouse' in message
    ? (message.gatehouse as SupervisionMessage)
    : undefined
}

/**
 * Takes leave of the supervisor once nothing listens here any more: connections that it has handed over meanwhile go
 * back to it for the next gateway, where they would be lost with a process that simply ends.
 */
export async function leaveSupervisor(): Promise<void> {
  const { worker } = cluster
  if (!worker?.isConnected()) return
  const left = once(worker, 'disconnect')
  worker.disconnect()
  await left
}
