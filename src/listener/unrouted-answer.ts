import { randomUUID } from 'node:crypto'
import { ERRORS, type ErrorCode, gatehouseError, problemDocument, PROBLEM_CONTENT_TYPE } from '../errors.ts'

/** The answer to what never becomes a request of the application. */
export interface UnroutedAnswer {
  status: number
  requestId: string
  headers: Record<string, string | number>
  body: string
}

export function unroutedAnswer (code: ErrorCode): UnroutedAnswer {
  const requestId = randomUUID()
  const body = JSON.stringify(problemDocument(gatehouseError(code), requestId, ''))
  return {
    status: ERRORS[code].status,
    requestId,
    headers: {
      // RFC 9110, section 6.6.1
      date: new Date().toUTCString(),
      'content-type': PROBLEM_CONTENT_TYPE,
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
      connection: 'close',
    },
    body,
  }
}
