import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** How long a client may take to close, once the gateway has, in milliseconds. */
const LINGER = 2000

const kCloses = Symbol('gatehouse.closes')
type ClosingSocket = Socket & { [kCloses]?: boolean }

/** Whether the last answer of a connection is on its way, so that nothing more is read from it. */
export const isClosing = (socket: ClosingSocket): boolean => socket[kCloses] === true

/**
 * Closes connections in two steps after their last answer (RFC 9112, section 9.6). A socket that is closed with bytes
 * unread sends a reset, which can destroy an answer that the client has not read yet. So the gateway first sends the
 * end of its side and drops what the client still sends, until the client has closed too or `LINGER` is over.
 */
export function lingerOnClose(server: Server): void {
  // Node closes through this method when a response is the last of its connection
  server.on('connection', (socket) => {
    socket.destroySoon = endGently
  })
}

/** Ends a connection. @param last  bytes to send before */
export function endGently(this: ClosingSocket, last?: string): void {
  if (this[kCloses] || this.destroyed) return
  this[kCloses] = true
  if (last === undefined) this.end()
  else this.end(last)
  const cut = setTimeout(destroy, LINGER, this).unref()
  this.once('close', () => clearTimeout(cut))
  this.once('end', () => (this.writableFinished ? this.destroy() : this.once('finish', () => this.destroy())))
  this.resume()
}

const destroy = (socket: Socket): void => {
  socket.destroy()
}
