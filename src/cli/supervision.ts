import type { Watched } from './file-watch.ts'

/** What a gateway tells the supervisor of `--watch`: what it is made of, and that it listens. */
export type SupervisionMessage = { watch: Watched } | { ready: true }

/** Does nothing in a process without a supervisor. */
export function tellSupervisor (message: SupervisionMessage): void {
  process.send?.({ gatehouse: message })
}

/** The message, if it is one. */
export function supervisionMessage (message: unknown): SupervisionMessage | undefined {
  return typeof message === 'object' && message !== null && 'gatehouse' in message ? message.gatehouse as SupervisionMessage : undefined
}
