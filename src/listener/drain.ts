import type { Server } from 'node:http'
import type { Socket } from 'node:net'

const SWEEP_MS = 50
/** How long a request that is just arriving may take to complete its headers, once the server stops. */
const GRACE_MS = 1000

/**
 * Lets a stopping server end soon: client connections are closed as they fall idle, so that a stop waits for requests in
 * flight, and not for keep-alive timeouts or for headers that never end.
 */
export class ConnectionDrain {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor (server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // a tunnel has an end of its own
    server.on('upgrade', (_request, socket) => this.#sockets.delete(socket as Socket))
  }

  /** To be called when the server begins to close. */
  begin (): void {
    const server = this.#server
    if (!server.listening) return
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS).unref()
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) if (!hasRequest(socket)) socket.destroy()
    }, GRACE_MS).unref()
    server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(cut)
    })
  }
}

/** Whether a request has arrived whose answer is not complete. */
const hasRequest = (socket: Socket & { _httpMessage?: object | null }): boolean => socket._httpMessage != null
