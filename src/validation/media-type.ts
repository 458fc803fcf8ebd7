const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\[\\t\\x20-\\x7E\\x80-\\xFF])*"'
// each space can match in one place only, so that matching takes linear time
const CONTENT_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})((?:[ \\t]*;(?:[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*)[ \\t]*$`,
)
const PARAMETER = new RegExp(`[ \\t]*;(?:[ \\t]*(${TOKEN})=(${TOKEN}|${QUOTED}))?`, 'gy')

export interface MediaType {
  /** `application/json`, in lower case and without parameters. */
  type: string
  /** Every stated `charset`, in lower case. */
  charsets: string[]
  /** Every stated `boundary`, unchanged. */
  boundaries: string[]
}

/** Parses a Content-Type (RFC 9110, section 8.3.1); null when any part of it is malformed. */
export function parseMediaType(header: string): MediaType | null {
  const match = CONTENT_TYPE.exec(header)
  if (match === null) return null
  const charsets: string[] = []
  const boundaries: string[] = []
  for (const [, name, value] of match[2]!.matchAll(PARAMETER)) {
    // some parsers also read `boundary*0` (RFC 2231) as the boundary
    const kind = name?.toLowerCase().split('*', 1)[0]
    if (kind === 'charset') charsets.push(plain(value!).toLowerCase())
    else if (kind === 'boundary') boundaries.push(plain(value!))
  }
  return { type: match[1]!.toLowerCase(), charsets, boundaries }
}

const plain = (value: string): string => (value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value)

/** Whether a media type is in a range (`*\/*`, `text/*`, `application/*+json`); both in lower case. */
export function isInRange(type: string, range: string): boolean {
  if (!range.includes('*')) return type === range
  if (range === '*/*' || range === '*') return true
  const [main, suffix = ''] = range.split('*', 2) as [string, string?]
  return type.length > main.length + suffix.length && type.startsWith(main) && type.endsWith(suffix)
}

/** The media types of a document in the order in which they are tried: exact ones first, then the longest range. */
export const bySpecificity = <Media extends { type: string }>(content: readonly Media[]): Media[] =>
  content.toSorted(
    (a, b) => Number(a.type.includes('*')) - Number(b.type.includes('*')) || b.type.length - a.type.length,
  )

/** A media type in lower case and without parameters. */
export const plainMediaType = (name: string): string => name.split(';', 1)[0]!.trim().toLowerCase()

/** Whether bodies of a media type are JSON (RFC 6839, section 3.1 for `+json`). */
export const isJson = (type: string): boolean => /^[^/;]+\/(?:[^/;]+\+)?json[ \t]*(?:;|$)/i.test(type)

/** Whether bodies of a media type are URL-encoded form data. */
export const isForm = (type: string): boolean => /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i.test(type)

/** Whether bodies of a media type are text of any kind. */
export const isText = (type: string): boolean => /^text\//i.test(type)
