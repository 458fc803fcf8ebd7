/**
 * The one reading of a request target that routing, guards and forwarding all share.
 *
 * What two parties could read differently is refused, what only looks different is normalised:
 * - percent-encoding of unreserved characters is decoded, other triplets get capitals (RFC 3986, section 6.2.2)
 * - runs of slashes become one
 * - dot segments in any spelling, backslashes, control characters however written, path parameters (`;`, but see
 *   `MatrixPath`), fragments and broken triplets are refused, and so is what is no UTF-8 when it is decoded
 * - an encoded slash is data: it stays as it came, unless it takes part in a dot segment (see also `decodedPath`)
 */

/** Targets that need no work: nearly all of them. Each segment begins with something other than a dot or a slash. */
const CANONICAL = /^(?:\/[\w~!$&'()*+,=:@-][\w~!$&'()*+,=:@.-]*)*\/?(?:\?[\x21\x22\x24-\x7e]*)?$/
const FORBIDDEN = /[\0-\x20\x7f\\;#]|%(?![0-9a-f]{2})|%[01]|%7f/i
/** The same without the semicolon. */
const FORBIDDEN_ELSE = /[\0-\x20\x7f\\#]|%(?![0-9a-f]{2})|%[01]|%7f/i
const QUERY_FORBIDDEN = /[\0-\x20\x7f#]/
const SEGMENT_SEPARATOR = /\/|%2F|%5C/
const DOT_SEGMENT = /^\.{1,2}(?:(?:;|%3B).*)?$/
const UNRESERVED = /[A-Za-z0-9._~-]/

/**
 * @param target  path and query as received, origin-form (RFC 9112, section 3.2.1)
 * @param withSemicolons  whether `;` may stand in the path, for a caller that finds out whether it may stand there
 * @returns the canonical form, or null when the target is ambiguous and must be refused with 400
 */
export function canonicalTarget(target: string, withSemicolons = false): string | null {
  if (target !== '' && CANONICAL.test(target)) return target
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  const query = queryAt === -1 ? '' : target.slice(queryAt)
  if (path[0] !== '/' || (withSemicolons ? FORBIDDEN_ELSE : FORBIDDEN).test(path) || QUERY_FORBIDDEN.test(query)) {
    return null
  }
  const normalised = encodeHighBytes(path)
    .replace(/%[0-9a-f]{2}/gi, normaliseTriplet)
    .replace(/\/{2,}/g, '/')
  if (/%[89A-F]/.test(normalised) && !isUtf8Path(normalised)) return null
  for (const segment of normalised.split(SEGMENT_SEPARATOR)) {
    if (DOT_SEGMENT.test(segment)) return null
  }
  return normalised + encodeHighBytes(query)
}

/**
 * How a backend reads a canonical path that decodes separators before it routes, takes path parameters away and merges
 * slashes. The path itself when there is nothing to decode.
 */
export function decodedPath(path: string): string {
  return path.includes('%')
    ? path
        .replace(/%2F|%5C/g, '/')
        .replace(/%3B[^/]*/g, '')
        .replace(/\/{2,}/g, '/')
    : path
}

function normaliseTriplet(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
  return UNRESERVED.test(character) ? character : triplet.toUpperCase()
}

function isUtf8Path(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/** Node hands raw bytes above 0x7F on as latin1; what clients mean is their percent-encoding. */
function encodeHighBytes(text: string): string {
  return text.replace(/[\x80-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
