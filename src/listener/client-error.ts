import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ERRORS, gatehouseError, problemDocument, PROBLEM_CONTENT_TYPE, type ErrorCode } from '../errors.ts'

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
  const code = CODES[error.code ?? ''] ?? 'GW_BAD_REQUEST'
  const requestId = randomUUID()
  const body = JSON.stringify(problemDocument(gatehouseError(code), requestId, ''))
  this.log.info({ reqId: requestId, client: socket.remoteAddress, status: ERRORS[code].status, code, reason: error.code }, 'refused by the parser')
  const reason = ERRORS[code].title
  socket.end(`HTTP/1.1 ${ERRORS[code].status} ${reason}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`)
}

/**
 * Whether an answer would be taken for the one to another request: a response has begun, or what is malformed stands behind
 * a complete request that waits for its response.
 */
const isTakenForAnother = ({ _httpMessage: pending }: Socket & { _httpMessage?: { headersSent: boolean, req: { complete: boolean } } | null }): boolean =>
  pending != null && (pending.headersSent || pending.req.complete)
