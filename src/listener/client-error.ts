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
  /** The bytes that were being read: a Buffer. */
  rawPacket?: unknown
}

const kRefused = Symbol('gatehouse.refused')
type AnsweringSocket = Socket & {
  /** The response that has the socket. */
  _httpMessage?: ServerResponse | null
  [kRefused]?: boolean
}

/**
 * Answers what Node's parser has refused, before there is a request, and closes the connection. Complete requests
 * before it get their answers first: their upstreams may have acted already.
 */
export function answerClientError(this: FastifyInstance, error: ParserError, socket: AnsweringSocket): void {
  // bytes behind a last request, or behind what has been refused already
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
    // another answer would be taken for a part of this one
    socket.destroy()
  } else refuse(this, error, socket)
}

/**
 * Waits for the answers to the other complete requests, one after the other. Node has given the socket to the next one.
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

/** The last `Accept` in what the parser has refused: it only chooses the form of the answer. */
function acceptIn(packet: unknown): string | undefined {
  const text = Buffer.isBuffer(packet) ? packet.toString('latin1') : ''
  const at = text.toLowerCase().lastIndexOf(ACCEPT)
  const end = text.indexOf('\r\n', at + ACCEPT.length)
  return at === -1 || end === -1 ? undefined : text.slice(at + ACCEPT.length, end)
}

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
