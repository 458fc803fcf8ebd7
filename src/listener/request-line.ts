import { METHODS } from 'node:http'
import type { ErrorCode } from '../errors.ts'

const KNOWN: ReadonlySet<string> = new Set(METHODS)

/** Whether HTTP has a method of this name; Node's parser also lets those of RTSP and ICE through. */
export const isHttpMethod = (method: string): boolean => KNOWN.has(method)

/** An error of Node's parser. */
interface ParserError extends NodeJS.ErrnoException {
  /** The bytes that came last, and how many of them were read. */
  rawPacket?: Buffer
  bytesParsed?: number
}

/** Method and version of a well-formed request line (RFC 9112, section 3). */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) [^\s]+ ([A-Z]+\/\d\.\d)\r?\n/
/** A line whose end has not come yet. */
const LINE_BEGIN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: [^\s]*)?$/
/** Longer request lines are not looked at. Bytes. */
const LONGEST = 8192

/**
 * Why the parser has refused a request line that is well-formed: its method or its version is unknown. Undefined when
 * the line is malformed.
 */
export function lineRefusal(error: NodeJS.ErrnoException): ErrorCode | undefined {
  const { code, rawPacket, bytesParsed = 0 } = error as ParserError
  if (code === 'HPE_PAUSED_H2_UPGRADE') return 'GW_UNSUPPORTED_VERSION'
  const aboutMethod = code === 'HPE_INVALID_METHOD'
  if (rawPacket === undefined || !(aboutMethod || code === 'HPE_INVALID_CONSTANT' || code === 'HPE_INVALID_VERSION')) {
    return undefined
  }
  // other requests can stand before this line; a wrong version can be noticed after its end
  const start = rawPacket.subarray(0, aboutMethod ? bytesParsed : bytesParsed - 1).lastIndexOf('\n') + 1
  const line = rawPacket.toString('latin1', start, start + LONGEST)
  const [, method, version] = REQUEST_LINE.exec(line) ?? []
  if (method === undefined) return aboutMethod && LINE_BEGIN.test(line) ? 'GW_UNSUPPORTED_METHOD' : undefined
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return 'GW_UNSUPPORTED_VERSION'
  return isHttpMethod(method) ? undefined : 'GW_UNSUPPORTED_METHOD'
}
