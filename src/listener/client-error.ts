import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { lineRefusal } from './request-line.ts'
import { unroutedAnswer } from './unrouted-answer.ts'

const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'GW_HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'GW_BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'GW_REQUEST_TIMEOUT',
}

/** Answers what Node's parser has refused, before there is a request, and closes the connection. */
export function answerClientError (this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  // a peer that is gone, or an answer that is under way already, gets nothing more
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable || isTakenForAnother(socket)) {
    socket.destroy()
    return
  }
  const code = CODES[error.code ?? ''] ?? lineRefusal(error) ?? 'GW_BAD_REQUEST'
  const { status, requestId, headers, body } = unroutedAnswer(code)
  this.log.info({ reqId: requestId, client: socket.remoteAddress, status, code, reason: error.code }, 'refused by the parser')
  let head = `HTTP/1.1 ${status} ${ERRORS[code].title}\r\n`
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`
  socket.end(`${head}\r\n${body}`)
}

/**
 * Whether an answer would be taken for the one to another request: a response has begun, or what is malformed stands behind
 * a complete request that waits for its response.
 */
const isTakenForAnother = ({ _httpMessage: pending }: Socket & { _httpMessage?: { headersSent: boolean, req: { complete: boolean } } | null }): boolean =>
  pending != null && (pending.headersSent || pending.req.complete)
