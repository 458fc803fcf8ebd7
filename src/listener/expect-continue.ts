import { IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { refuse } from './refusal.ts'

/**
 * Answers `Expect: 100-continue` (RFC 9110, section 10.1.1) when something begins to read the body, not at once as Node
 * does: a client without a token or over its limit gets its 401 or 429 before it has sent the body.
 */
export function deferContinue(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Node also matches the text inside other expectations
    if (asksToContinue(request.headers.expect!)) continueWhenRead(request, response)
    else refuse(request, 'GW_EXPECTATION_FAILED')
    handle(request, response)
  })
}

/** Rejects every other expectation with 417, as the RFC allows. Node would send a response without a body. */
export function refuseExpectations(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    if (expectations(request.headers.expect!).length > 0) refuse(request, 'GW_EXPECTATION_FAILED')
    handle(request, response)
  })
}

/** Sends `100 Continue` when the body is read for the first time. */
function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  // every way of reading a stream calls this method
  request._read = (size) => {
    request._read = IncomingMessage.prototype._read
    // requests of a connection are served one at a time, so this cannot be written into another response
    if (!response.headersSent) response.writeContinue()
    request._read(size)
  }
}

/** The members of an `Expect` header, in lower case; Node has joined repeated header lines. */
const expectations = (field: string): string[] =>
  field
    .toLowerCase()
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')

const asksToContinue = (field: string): boolean => expectations(field).every((member) => member === '100-continue')
