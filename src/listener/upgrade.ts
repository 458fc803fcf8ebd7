import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const kUpgrade = Symbol('gatehouse.upgrade')
type UpgradeRequest = IncomingMessage & { [kUpgrade]?: boolean }

/** Whether the client asks to change to the WebSocket protocol (RFC 6455, section 4.1). */
export const isUpgrade = (request: UpgradeRequest): boolean => request[kUpgrade] === true

/** Whether the headers are there without which nothing is a WebSocket handshake (RFC 6455, section 4.2.1). */
export const isHandshake = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers['sec-websocket-key'] !== undefined && headers['sec-websocket-version'] !== undefined

/**
 * Which requests Node hands over as upgrades; only right when Node asks. Others that carry `Upgrade` (h2c, for example,
 * or one behind a request that has no answer yet) are plain requests, whose header is not forwarded, as RFC 9110,
 * section 7.8 allows, and demands in HTTP/1.0.
 */
export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' &&
  request.httpVersion === '1.1' &&
  request.headers.upgrade?.toLowerCase() === 'websocket' &&
  !isBusy(request.socket)

/** Whether an earlier response still has the socket. */
const isBusy = ({ _httpMessage }: Socket & { _httpMessage?: object | null }): boolean => _httpMessage != null

/** How long the client of a refused upgrade may take to close, in milliseconds. */
const LINGER_MS = 1000

/** A response on a connection that Node's parser has let go of; the connection ends with it. */
export function responseOn(request: IncomingMessage): ServerResponse {
  const { socket } = request
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => {
    // nobody reads what the client has sent on, and its end would stand behind that
    socket.resume()
    socket.end()
    const cut = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(cut))
  })
  return response
}

/** Sends upgrade requests through the same routes and stages as every other request. */
export function routeUpgrades(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('upgrade', (request: UpgradeRequest, socket, head) => {
    // errors after this point belong to the socket alone; without a listener they would end the process
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    request[kUpgrade] = true
    handle(request, responseOn(request))
  })
}
