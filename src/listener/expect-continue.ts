import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { refuse } from './refusal.ts'

const kAwaitsContinue = Symbol('gatehouse.awaitsContinue')
type WaitingRequest = IncomingMessage & { [kAwaitsContinue]?: boolean }

/**
 * Answers `Expect: 100-continue` (RFC 9110, section 10.1.1) not at once, as Node does by itself, but when the body is
 * wanted: a client without a token or over its limit gets its 401 or 429 before it has sent anything.
 */
export function deferContinue (server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void {
  server.on('checkContinue', (request: WaitingRequest, response) => {
    request[kAwaitsContinue] = true
    handle(request, response)
  })
}

/** Refuses every other expectation with 417, as the RFC allows; Node would answer without a body. */
export function refuseExpectations (server: Server, handle: (request: IncomingMessage, response: ServerResponse) => void): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refuse(request, 'GW_EXPECTATION_FAILED')
    handle(request, response)
  })
}

/** Tells a client that waits to send its body now. */
export function allowBody (request: WaitingRequest, response: ServerResponse): void {
  if (!request[kAwaitsContinue]) return
  request[kAwaitsContinue] = false
  // requests are served in turn, so that it does not land inside of the answer to another
  if (!response.headersSent) response.writeContinue()
}
