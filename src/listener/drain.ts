import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const SWEEP_MS = 50
/**
 * How long a request that is being received may take to complete its headers after the server has begun to stop, in
 * milliseconds.
 */
export const GRACE_MS = 1000

/**
 * Keeps idle connections open for `time` milliseconds, since a client may be sending its next request.
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
 * Makes a stopping server end quickly: client connections are closed as soon as they are idle. A stop waits for
 * requests in flight, but not for keep-alive timeouts or headers that never end.
 */
export class ConnectionDrain {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #upgraded = new WeakSet<Socket>()
  #retired: Promise<void> | undefined

  constructor(server: Server) {
    this.add(server)
    // Fastify passes the upgrades of all its servers to the first one
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
      // Fastify would close the other servers only after the last connection of the first has ended
      if (index > 0) server.close()
    }
  }

  #sweep(server: Server): void {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS).unref()
    // tunnels are closed elsewhere
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
   * Stops accepting connections and keeps the existing ones. WebSockets and responses continue until they end by
   * themselves, without a time limit. Other connections are closed with their next response, or after a second of idle
   * time, since a client may be sending a request.
   * @returns a promise that resolves when the last connection has ended
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

  /** Resolves when the last connection of a retired gateway has ended; undefined when the gateway has not retired. */
  get retired(): Promise<void> | undefined {
    return this.#retired
  }

  /** The number of connections with a WebSocket, or with a request in flight. */
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

/** Makes a response the last one of its connection. */
function endConnection(_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false
}

/** Whether a request is in flight on the connection. */
const hasRequest = (socket: Socket & { _httpMessage?: object | null }): boolean => socket._httpMessage != null
