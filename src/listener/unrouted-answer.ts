import { randomUUID } from 'node:crypto'
import { ERRORS, type ErrorCode, gatehouseError, problemDocument, PROBLEM_CONTENT_TYPE } from '../errors.ts'
import { prefersHtml, problemPage } from './problem-page.ts'
import { PAGE_CONTENT_TYPE, PAGE_POLICY } from './page-shell.ts'

/** The response to a request that never reaches the application. */
export interface UnroutedAnswer {
  status: number
  requestId: string
  headers: Record<string, string | number>
  body: string
}

/** @param accept  the client's `Accept` header, if known */
export function unroutedAnswer(code: ErrorCode, accept: string | undefined): UnroutedAnswer {
  const requestId = randomUUID()
  const document = problemDocument(gatehouseError(code), requestId, '')
  const isPage = prefersHtml(accept)
  const body = isPage ? problemPage(document) : JSON.stringify(document)
  return {
    status: ERRORS[code].status,
    requestId,
    headers: {
      // RFC 9110, section 6.6.1
      date: new Date().toUTCString(),
      ...(isPage
        ? {
            'content-type': PAGE_CONTENT_TYPE,
            'content-security-policy': PAGE_POLICY,
            'x-content-type-options': 'nosniff',
          }
        : { 'content-type': PROBLEM_CONTENT_TYPE }),
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      vary: 'Accept',
      'x-request-id': requestId,
      connection: 'close',
    },
    body,
  }
}
