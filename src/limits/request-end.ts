import type { IncomingMessage, ServerResponse } from 'node:http'

const waiting = new WeakMap<object, Set<() => void>>()

/**
 * Tells once when a request is over: its response has ended, or its connection is gone. That of a request which has
 * become a WebSocket is its connection's end, since its response never ends.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
  const ends = endsOf(socket)
  const end = (): void => {
    if (ends.delete(end)) over()
  }
  ends.add(end)
  response.once('close', end)
  // it may have gone while the limits were asked
  if (socket.destroyed || response.closed) end()
}

/**
 * One listener for a connection: requests that wait behind others (pipelining) would add one each, and hear of no close
 * themselves.
 */
function endsOf(socket: IncomingMessage['socket']): Set<() => void> {
  let ends = waiting.get(socket)
  if (ends === undefined) {
    const all = (ends = new Set())
    waiting.set(socket, all)
    socket.once('close', () => {
      for (const end of all) end()
    })
  }
  return ends
}
