import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { refuse } from './refusal.ts'
import { responseOn } from './upgrade.ts'

type PendingSocket = Duplex & { _httpMessage?: ServerResponse | null }

/**
 * Refuses CONNECT (RFC 9110, section 9.3.6) with an error response, like every other request that cannot be served.
 * Node would close the connection without a response.
 */
export function refuseConnect(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    // Node has removed its own error listener from the socket; an error without a listener would end the process
    socket.on('error', () => socket.destroy())
    refuse(request, 'GW_UNSUPPORTED_METHOD')
    whenAnswered(socket, () => {
      if (!socket.writable) return
      handle(request, responseOn(request))
    })
  })
}

/** Waits until the responses to earlier requests on the connection are sent (RFC 9112, section 9.3.2). */
function whenAnswered(socket: PendingSocket, then: () => void): void {
  const pending = socket._httpMessage
  if (pending == null) then()
  else pending.once('finish', () => whenAnswered(socket, then))
}
