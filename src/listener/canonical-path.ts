/**
 * Normalises a request target. Routing, guards and forwarding all use the result, so that they cannot read a path
 * differently.
 *
 * Ambiguous targets are refused; different spellings of the same target are normalised:
 * - percent-encoding of unreserved characters is decoded, other triplets are written in upper case (RFC 3986, section
 *   6.2.2)
 * - runs of slashes become one
 * - dot segments in any spelling, backslashes, control characters however written, path parameters (`;`, but see
 *   `MatrixPath`), fragments, broken triplets and bytes that are not UTF-8 when decoded are refused
 * - an encoded slash is data: it is kept, unless it is part of a dot segment (see also `decodedPath`)
 */

/** Matches targets that are canonical already, which nearly all are: no segment begins with a dot or a slash. */
const CANONICAL = /^(?:\/[\w~!$&'()*+,=:@-][\w~!$&'()*+,=:@.-]*)*\/?(?:\?[\x21\x22\x24-\x7e]*)?$/
const FORBIDDEN = /[\0-\x20\x7f\\;#]|%(?![0-9a-f]{2})|%[01]|%7f/i
/** The same, but without semicolons. */
const FORBIDDEN_ELSE = /[\0-\x20\x7f\\#]|%(?![0-9a-f]{2})|%[01]|%7f/i
const QUERY_FORBIDDEN = /[\0-\x20\x7f#]/
const SEGMENT_SEPARATOR = /\/|%2F|%5C/
const DOT_SEGMENT = /^\.{1,2}(?:(?:;|%3B).*)?$/
const UNRESERVED = /[A-Za-z0-9._~-]/

/**
 * @param target  path and query as received, origin-form (RFC 9112, section 3.2.1)
 * @param withSemicolons  whether to accept `;` in the path; the caller then decides whether the route allows it
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
 * The path as seen by a backend that decodes separators before routing, removes path parameters and merges slashes.
 * Returns the path unchanged when there is nothing to decode.
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

/** Percent-encodes raw bytes above 0x7F, which Node passes on as latin1. */
function encodeHighBytes(text: string): string {
  return text.replace(/[\x80-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
