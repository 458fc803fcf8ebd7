import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Ids that are accepted from a proxy: short, and safe in logs and headers. */
const ACCEPTABLE = /^[\w.:~+/=-]{1,128}$/

/**
 * Generates request ids that are unique across processes and machines: a random part per process and a counter. The
 * `X-Request-Id` of a trusted proxy is reused, so that a request has one id in the whole chain.
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
 * @returns undefined when the header is missing or invalid; a repeated header is invalid
 */
export function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, version, traceId, more] = TRACEPARENT.exec(traceparent) ?? []
  return version === '00' && more !== undefined ? undefined : traceId
}
