import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Ids that may be taken over: short, and harmless in logs and headers. */
const ACCEPTABLE = /^[\w.:~+/=-]{1,128}$/

/**
 * Makes ids that are unique over processes and machines: a random part for the process and a counter.
 * The `X-Request-Id` of a trusted proxy is taken over, so that one id follows a request through the whole chain.
 * @param trusts  whether a connection comes from a trusted proxy
 */
export function requestIds(trusts: (socket: Socket) => boolean): (request: IncomingMessage) => string {
  const process = randomBytes(9).toString('base64url')
  let counter = 0
  return (request) => {
    const given = request.headers['x-request-id']
    if (given !== undefined && trusts(request.socket) && ACCEPTABLE.test(String(given))) return String(given)
    return `${process}-${(counter++).toString(36)}`
  }
}

/** W3C Trace Context, section 3.2.2: version, trace, parent, flags; later versions may add fields. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/**
 * The trace id of a `traceparent`.
 * @returns undefined for a header that is missing or invalid, as one that came twice is
 */
export function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, version, traceId, more] = TRACEPARENT.exec(traceparent) ?? []
  return version === '00' && more !== undefined ? undefined : traceId
}
