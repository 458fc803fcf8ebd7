import { IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { refuse } from './refusal.ts'

/**
 * Answers `Expect: 100-continue` (RFC 9110, section 10.1.1) not at once, as Node does by itself, but when somebody
 * begins to read the body: a client without a token or over its limit gets its 401 or 429 before it has sent anything.
 */
export function deferContinue(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Node also takes the word within another expectation for this one
    if (asksToContinue(request.headers.expect!)) continueWhenRead(request, response)
    else refuse(request, 'GW_EXPECTATION_FAILED')
    handle(request, response)
  })
}

/** Refuses every other expectation with 417, as the RFC allows; Node would answer without a body. */
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
  // the point that every way of reading a stream goes through
  request._read = (size) => {
    request._read = IncomingMessage.prototype._read
    // requests are served in turn, so that it does not land inside of the answer to another
    if (!response.headersSent) response.writeContinue()
    request._read(size)
  }
}

/** The members of an `Expect` field, in lower case; lines of one name have been joined. */
const expectations = (field: string): string[] =>
  field
    .toLowerCase()
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')

const asksToContinue = (field: string): boolean => expectations(field).every((member) => member === '100-continue')
