import cluster from 'node:cluster'
import { once } from 'node:events'
import type { Watched } from './file-watch.ts'

/** What a gateway tells the supervisor of `--watch`: what it is made of, and that it listens. */
export type SupervisionMessage = { watch: Watched } | { ready: true }

/** Does nothing in a process without a supervisor. */
export function tellSupervisor (message: SupervisionMessage): void {
  cluster.worker?.send({ gatehouse: message })
}

/** The message, if it is one. */
export function supervisionMessage (message: unknown): SupervisionMessage | undefined {
  return typeof message === 'object' && message !== null && 'gatehouse' in message ? message.gatehouse as SupervisionMessage : undefined
}

/**
 * Takes leave of the supervisor once nothing listens here any more: connections that it has handed over meanwhile go
 * back to it for the next gateway, where they would be lost with a process that simply ends.
 */
export async function leaveSupervisor (): Promise<void> {
  const { worker } = cluster
  if (!worker?.isConnected()) return
  const left = once(worker, 'disconnect')
  worker.disconnect()
  await left
}
