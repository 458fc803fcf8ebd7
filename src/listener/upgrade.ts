import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const kUpgrade = Symbol('gatehouse.upgrade')
type UpgradeRequest = IncomingMessage & { [kUpgrade]?: boolean }

/** Whether the client asks to change to the WebSocket protocol (RFC 6455, section 4.1). */
export const isUpgrade = (request: UpgradeRequest): boolean => request[kUpgrade] === true

/** Whether the required headers of a WebSocket handshake are present (RFC 6455, section 4.2.1). */
export const isHandshake = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers['sec-websocket-key'] !== undefined && headers['sec-websocket-version'] !== undefined

/**
 * Whether Node should treat a request as an upgrade. The result is only valid when Node calls this. Other requests with
 * `Upgrade` (h2c, for example, or one sent before the response to an earlier request) are plain requests. Their
 * `Upgrade` header is not forwarded, which RFC 9110, section 7.8 allows and, for HTTP/1.0, requires.
 */
export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' &&
  request.httpVersion === '1.1' &&
  request.headers.upgrade?.toLowerCase() === 'websocket' &&
  !isBusy(request.socket)

/** Whether an earlier response still uses the socket. */
const isBusy = ({ _httpMessage }: Socket & { _httpMessage?: object | null }): boolean => _httpMessage != null

/** How long the client of a refused upgrade may take to close the connection, in milliseconds. */
const LINGER_MS = 1000

/** Creates a response on a connection that Node's parser has released. The connection is closed after it. */
export function responseOn(request: IncomingMessage): ServerResponse {
  const { socket } = request
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => {
    // discard what the client still sends: unread bytes would hide the end of the connection
    socket.resume()
    socket.end()
    const cut = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(cut))
  })
  return response
}

/** Sends upgrade requests through the same routes and phases as every other request. */
export function routeUpgrades(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('upgrade', (request: UpgradeRequest, socket, head) => {
    // Node has removed its own error listener from the socket; an error without a listener would end the process
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    request[kUpgrade] = true
    handle(request, responseOn(request))
  })
}
