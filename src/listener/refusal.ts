import { METHODS, type IncomingMessage } from 'node:http'
import type { ErrorCode } from '../errors.ts'

const kRefusal = Symbol('gatehouse.refusal')
type RefusedRequest = IncomingMessage & { [kRefusal]?: ErrorCode }

/** Records why a request must be refused before it is routed. */
export function refuse(request: RefusedRequest, code: ErrorCode): void {
  request[kRefusal] ??= code
}

/** Why the request is refused; undefined when it is not. */
export const refusalOf = (request: RefusedRequest): ErrorCode | undefined => request[kRefusal]

/**
 * Whether a request asks about the server as a whole (RFC 9110, section 9.3.7). A client that uses the gateway as a
 * forward proxy writes `*` as a URL without a path (RFC 9112, section 3.2.4). @param target  as received
 */
export const asksWholeServer = (method: string, target: string): boolean =>
  method === 'OPTIONS' && (target === '*' || /^https?:\/\/[^/?#]+$/i.test(target))

/** Turns absolute-form (RFC 9112, section 3.2.2) into origin-form; null when it names another host than `Host`. */
export function originForm(target: string, host: string): string | null {
  if (target.charCodeAt(0) === 47 /* / */) return target
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  // asterisk-form and authority-form have no path and are refused later for that
  if (authority === undefined) return target
  if (authority.toLowerCase() !== host.toLowerCase()) return null
  return rest!.startsWith('/') ? rest! : `/${rest}`
}

/**
 * Finds faults of the message itself: no `Host` or several, or an unknown transfer coding of the body.
 */
export function messageRefusal(request: IncomingMessage): ErrorCode | undefined {
  const { headers, rawHeaders, httpVersionMajor: major, httpVersionMinor: minor } = request
  // the parser accepts HTTP versions that do not exist
  if (major !== 1 || minor > 1) return 'GW_UNSUPPORTED_VERSION'
  if (headers.host === undefined ? minor === 1 : headers.host === '' || repeatedHost(rawHeaders)) return 'GW_BAD_HOST'
  const coding = headers['transfer-encoding']
  // RFC 9112, section 6.1; Node only decodes chunks, and passes other codings on undecoded
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || minor === 0)) return 'GW_UNSUPPORTED_CODING'
  return undefined
}

function repeatedHost(rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (seen) return true
      seen = true
    }
  }
  return false
}

const KNOWN: ReadonlySet<string> = new Set(METHODS)

/** Whether HTTP has a method of this name; Node's parser also accepts the methods of RTSP and ICE. */
export const isHttpMethod = (method: string): boolean => KNOWN.has(method)

/** An error of Node's parser. */
interface ParserError extends NodeJS.ErrnoException {
  /** The last received bytes, and how many of them were parsed. */
  rawPacket?: Buffer
  bytesParsed?: number
}

/** Method and version of a well-formed request line (RFC 9112, section 3). */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) [^\s]+ ([A-Z]+\/\d\.\d)\r?\n/
/** A line whose end has not been received yet. */
const LINE_BEGIN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: [^\s]*)?$/
/** Maximum length of a request line that is examined, in bytes. */
const LONGEST = 8192

/**
 * The reason why the parser has rejected a well-formed request line: unknown method or unknown version. Undefined when
 * the line is malformed.
 */
export function lineRefusal(error: NodeJS.ErrnoException): ErrorCode | undefined {
  const { code, rawPacket, bytesParsed = 0 } = error as ParserError
  if (code === 'HPE_PAUSED_H2_UPGRADE') return 'GW_UNSUPPORTED_VERSION'
  const aboutMethod = code === 'HPE_INVALID_METHOD'
  if (rawPacket === undefined || !(aboutMethod || code === 'HPE_INVALID_CONSTANT' || code === 'HPE_INVALID_VERSION')) {
    return undefined
  }
  // other requests can precede this line, and a wrong version may be detected only after its end
  const start = rawPacket.subarray(0, aboutMethod ? bytesParsed : bytesParsed - 1).lastIndexOf('\n') + 1
  const line = rawPacket.toString('latin1', start, start + LONGEST)
  const [, method, version] = REQUEST_LINE.exec(line) ?? []
  if (method === undefined) return aboutMethod && LINE_BEGIN.test(line) ? 'GW_UNSUPPORTED_METHOD' : undefined
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return 'GW_UNSUPPORTED_VERSION'
  return isHttpMethod(method) ? undefined : 'GW_UNSUPPORTED_METHOD'
}
