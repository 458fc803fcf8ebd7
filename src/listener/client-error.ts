import type { ServerResponse, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { lineRefusal } from './refusal.ts'
import { unroutedAnswer } from './unrouted-answer.ts'

const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'GW_HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'GW_BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'GW_REQUEST_TIMEOUT',
}

/** An error of Node's parser. */
type ParserError = NodeJS.ErrnoException & {
  /** The bytes that were being parsed: a Buffer. */
  rawPacket?: unknown
}

const kRefused = Symbol('gatehouse.refused')
type AnsweringSocket = Socket & {
  /** The response that is being written to the socket. */
  _httpMessage?: ServerResponse | null
  [kRefused]?: boolean
}

/**
 * Answers a request that Node's parser has rejected, and closes the connection. Complete requests before it on the same
 * connection get their responses first, since their upstreams may have processed them already.
 */
export function answerClientError(this: FastifyInstance, error: ParserError, socket: AnsweringSocket): void {
  // bytes after the last request, or after a request that was rejected already
  if (isClosing(socket) || socket[kRefused]) return
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const pending = socket._httpMessage
  if (pending == null) {
    refuse(this, error, socket)
  } else if (pending.req.complete) {
    socket[kRefused] = true
    socket.pause()
    // RFC 9112, section 9.6: what follows the last request of a connection is ignored
    if (error.code !== 'HPE_CLOSED_CONNECTION') pending.once('finish', () => afterAnswer(this, error, socket))
  } else if (pending.headersSent) {
    // the client would take a second response for a part of the first
    socket.destroy()
  } else refuse(this, error, socket)
}

/**
 * Waits for the responses to the other complete requests, one after the other. Node has assigned the socket to the next
 * response by now.
 */
function afterAnswer(app: FastifyInstance, error: ParserError, socket: AnsweringSocket): void {
  const next = socket._httpMessage
  if (next != null && next.req.complete) next.once('finish', () => afterAnswer(app, error, socket))
  else if (next?.headersSent) socket.destroy()
  else if (!isClosing(socket) && socket.writable) refuse(app, error, socket)
}

function refuse(app: FastifyInstance, error: ParserError, socket: Socket): void {
  const code = CODES[error.code ?? ''] ?? lineRefusal(error) ?? 'GW_BAD_REQUEST'
  const { status, requestId, headers, body } = unroutedAnswer(code, acceptIn(error.rawPacket))
  app.log.info(
    { reqId: requestId, client: socket.remoteAddress, status, code, reason: error.code },
    'refused by the parser',
  )
  let head = `HTTP/1.1 ${status} ${ERRORS[code].title}\r\n`
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`
  endGently.call(socket, `${head}\r\n${body}`)
}

const ACCEPT = '\r\naccept:'

/** The last `Accept` header in the rejected bytes. It only selects the format of the response. */
function acceptIn(packet: unknown): string | undefined {
  const text = Buffer.isBuffer(packet) ? packet.toString('latin1') : ''
  const at = text.toLowerCase().lastIndexOf(ACCEPT)
  const end = text.indexOf('\r\n', at + ACCEPT.length)
  return at === -1 || end === -1 ? undefined : text.slice(at + ACCEPT.length, end)
}

/** How long a client may take to close its side after the gateway has closed its own, in milliseconds. */
const LINGER = 2000

const kCloses = Symbol('gatehouse.closes')
type ClosingSocket = Socket & { [kCloses]?: boolean }

/** Whether the last response of a connection is being sent, so that no further request is read from it. */
export const isClosing = (socket: ClosingSocket): boolean => socket[kCloses] === true

/**
 * Closes connections in two steps after their last response (RFC 9112, section 9.6). Closing a socket with unread bytes
 * sends a reset, which can destroy a response that the client has not read yet. So the gateway first closes its sending
 * side, and discards what the client still sends until the client closes too or `LINGER` has passed.
 */
export function lingerOnClose(server: Server): void {
  // Node calls this method to close a connection after its last response
  server.on('connection', (socket) => {
    socket.destroySoon = endGently
  })
}

/** Ends a connection in two steps. @param last  bytes to send first */
function endGently(this: ClosingSocket, last?: string): void {
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
