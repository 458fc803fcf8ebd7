import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const SWEEP_MS = 50
/** How long a request that is just arriving may take to complete its headers, once the server stops. Milliseconds. */
export const GRACE_MS = 1000

/**
 * For so many milliseconds no connection of the server is closed for being idle: its next request may be on the way.
 */
export function spareIdleConnections(server: { closeIdleConnections?(): void }, time: number): void {
  const closeIdle = server.closeIdleConnections
  if (!closeIdle) return
  const end = performance.now() + time
  server.closeIdleConnections = function () {
    if (performance.now() >= end) closeIdle.call(this)
  }
}

/**
 * Lets a stopping server end soon: client connections are closed as they fall idle, so that a stop waits for requests
 * in flight, and not for keep-alive timeouts or for headers that never end.
 */
export class ConnectionDrain {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #upgraded = new WeakSet<Socket>()
  #retired: Promise<void> | undefined

  constructor(server: Server) {
    this.add(server)
    // one of several servers hands its upgrades to the first
    server.on('upgrade', (_request, socket) => this.#upgraded.add(socket as Socket))
  }

  /** Adds another server of the same gateway, such as the one for the second address of `localhost`. */
  add(server: Server): void {
    if (this.#servers.includes(server)) return
    this.#servers.push(server)
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** To be called when the first server begins to close. */
  begin(): void {
    for (const [index, server] of this.#servers.entries()) {
      if (!server.listening) continue
      this.#sweep(server)
      // Fastify closes the others only after the first has lost its last connection
      if (index > 0) server.close()
    }
  }

  #sweep(server: Server): void {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS).unref()
    // a tunnel has an end of its own
    const cut = setTimeout(
      () => this.#destroy((socket) => !hasRequest(socket) && !this.#upgraded.has(socket)),
      GRACE_MS,
    ).unref()
    server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(cut)
    })
  }

  /**
   * Accepts no more connections, and keeps those that there are: WebSockets and responses go on until they end by
   * themselves, for as long as that takes. Other connections are closed with their next answer, or when they have been
   * idle for a second, not before, since a client may be sending a request on one.
   * @returns when the last connection has ended
   */
  retire(): Promise<void> {
    this.#retired ??= Promise.all(
      this.#servers.map((server) => {
        server.prependListener('request', endConnection)
        spareIdleConnections(server, GRACE_MS)
        if (server.listening) this.#sweep(server)
        return new Promise((resolve) => {
          server.close(resolve)
        })
      }),
    ).then(() => {})
    return this.#retired
  }

  /** Resolves when the last connection has ended of a gateway that has retired; undefined for one that has not. */
  get retired(): Promise<void> | undefined {
    return this.#retired
  }

  /** Connections with a WebSocket, or with a request whose answer is not complete. */
  get busy(): number {
    let count = 0
    for (const socket of this.#sockets) if (this.#upgraded.has(socket) || hasRequest(socket)) count++
    return count
  }

  /** Closes every connection at once. */
  cut(): void {
    this.#destroy(() => true)
  }

  #destroy(which: (socket: Socket) => boolean): void {
    for (const socket of this.#sockets) if (which(socket)) socket.destroy()
  }
}

/** Makes an answer the last of its connection. */
function endConnection(_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false
}

/** Whether a request has arrived whose answer is not complete. */
const hasRequest = (socket: Socket & { _httpMessage?: object | null }): boolean => socket._httpMessage != null
