import { type IncomingMessage, type Server, ServerResponse } from 'node:http'

const kUpgrade = Symbol('gatehouse.upgrade')
type UpgradeRequest = IncomingMessage & { [kUpgrade]?: boolean }

/** Whether the client asks to change to the WebSocket protocol (RFC 6455, section 4.1). */
export const isUpgrade = (request: UpgradeRequest): boolean => request[kUpgrade] === true

/** Whether the headers are there without which nothing is a WebSocket handshake (RFC 6455, section 4.2.1). */
export const isHandshake = ({ headers }: IncomingMessage): boolean =>
  headers['sec-websocket-key'] !== undefined && headers['sec-websocket-version'] !== undefined

/**
 * Which requests Node hands over as upgrades. Others that carry `Upgrade` (h2c, for example) are plain requests, whose header
 * is not forwarded, as RFC 9110, section 7.8 allows.
 */
export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket'

/** Sends upgrade requests through the same routes and stages as every other request. */
export function routeUpgrades (server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void {
  server.on('upgrade', (request: UpgradeRequest, socket, head) => {
    // errors after this point belong to the socket alone; without a listener they would end the process
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    request[kUpgrade] = wantsWebSocket(request)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(request.socket)
    response.on('finish', () => socket.end())
    handle(request, response)
  })
}
