import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** Requests of one connection that may wait before no more is read from it. */
const MOST_WAITING = 16

const kWaiting = Symbol('gatehouse.waiting')
type PipelinedSocket = Socket & { [kWaiting]?: number }

/**
 * Serves the pipelined requests of a connection one after the other (RFC 9112, section 9.3.2). Node would begin with
 * all at once, so that one connection with a few kilobytes could ask an upstream for thousands of answers at the same
 * time.
 */
export function inTurn(handle: Handle): Handle {
  return (request, response) => {
    // a response has the socket when none before it is under way
    if (response.socket !== null) return handle(request, response)
    const socket: PipelinedSocket = request.socket
    if (socket[kWaiting] === undefined) {
      socket[kWaiting] = 0
      // Node reads on after each message that is complete
      socket.on('resume', holdBack)
    }
    socket[kWaiting]++
    holdBack.call(socket)
    response.once('socket', () => {
      socket[kWaiting]!--
      if (socket[kWaiting] === MOST_WAITING - 1) socket.resume()
      handle(request, response)
    })
  }
}

function holdBack(this: PipelinedSocket): void {
  if (this[kWaiting]! >= MOST_WAITING) this.pause()
}
