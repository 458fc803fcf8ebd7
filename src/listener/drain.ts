import type { Server } from 'node:http'

const SWEEP_MS = 50

/**
 * Closes client connections as they fall idle, so that a stop waits for requests in flight and not for keep-alive
 * timeouts. Call it when the server begins to close.
 */
export function drainConnections (server: Server): void {
  if (!server.listening) return
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS).unref()
  server.once('close', () => clearInterval(sweep))
}
