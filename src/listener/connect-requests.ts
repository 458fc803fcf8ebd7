import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { refuse } from './refusal.ts'
import { responseOn } from './upgrade.ts'

type PendingSocket = Duplex & { _httpMessage?: ServerResponse | null }

/**
 * Refuses CONNECT (RFC 9110, section 9.3.6) like every other request that cannot be served. Node would close the
 * connection without an answer.
 */
export function refuseConnect(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    // errors after this point belong to the socket alone; without a listener they would end the process
    socket.on('error', () => socket.destroy())
    refuse(request, 'GW_UNSUPPORTED_METHOD')
    whenAnswered(socket, () => {
      if (!socket.writable) return
      handle(request, responseOn(request))
    })
  })
}

/** Waits for the responses to the requests before this one, which go first (RFC 9112, section 9.3.2). */
function whenAnswered(socket: PendingSocket, then: () => void): void {
  const pending = socket._httpMessage
  if (pending == null) then()
  else pending.once('finish', () => whenAnswered(socket, then))
}
