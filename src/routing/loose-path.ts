import { decodedPath } from '../listener/canonical-path.ts'

/**
 * Loose readings of a path. A service may ignore case, a trailing slash, the encoding of a character, Unicode forms or
 * spaces around a segment. The gateway itself matches paths exactly.
 */

/** A segment of a pattern. */
export type LooseSegment =
  | { kind: 'text'; text: string }
  /** Two parameters with the same `key` match the same texts, whatever their names; `'plain'` ones match anything. */
  | { kind: 'parameter'; key: string; plain: boolean; fits: (text: string) => boolean }
  | { kind: 'wildcard' }

/** How often a text is decoded: services decode once, and proxies before them may decode again. */
const MOST_DECODINGS = 3

/** Whether a loose reading of a canonical path can differ from the exact one. */
export const isUnusual = (path: string): boolean =>
  (path.length > 1 && path.charCodeAt(path.length - 1) === 47) /* / */ || /[A-Z%]/.test(path)

/** A canonical path with all encoded separators decoded, also those encoded more than once. */
export const separatedPath = (path: string): string =>
  decodedPath(
    path.includes('%25') ? path.replace(/%(?:25)+([0-9a-f]{2})/gi, (_, hex: string) => `%${hex.toUpperCase()}`) : path,
  )

/** Readings of services that remove path parameters, before or after they decode separators. */
const withoutPathParameters = (path: string): string[] =>
  [path.replace(/;[^/]*/g, ''), path.replaceAll(';', '%3B')].map(separatedPath)

/** @param path  canonical path @returns its segments, none of them empty */
export function looseSegments(path: string): string[] {
  return path
    .split('/')
    .map(looseText)
    .filter((segment) => segment !== '')
}

/** Readings of a path by services that decode separators. */
interface SeparatedReadings {
  path: string
  /** Segments of each reading. */
  readings: string[][]
  /** Indexes of the segments that decoding a separator has made; null compares all segments. */
  decoded: Set<number> | null
}

let lastReadings: SeparatedReadings = { path: '', readings: [[]], decoded: new Set() }

/**
 * The segments of a canonical path for a service that decodes separators, or removes path parameters (`;`). The last
 * result is kept, since a 405 checks one path with every method.
 */
export function separatedReadings(path: string): SeparatedReadings {
  if (lastReadings.path !== path) {
    const isMatrix = path.includes(';')
    const readings = isMatrix ? withoutPathParameters(path) : [separatedPath(path)]
    // with a path parameter all are compared
    lastReadings = { path, readings: readings.map(looseSegments), decoded: isMatrix ? null : separatedSegments(path) }
  }
  return lastReadings
}

/**
 * @param path  canonical path @returns the indexes of the segments that decoding a separator has made
 */
function separatedSegments(path: string): Set<number> {
  const places = new Set<number>()
  let at = 0
  for (const segment of path.split('/')) {
    const separated = separatedPath(segment)
    for (let count = looseSegments(separated).length; count > 0; count--, at++) {
      if (separated !== segment) places.add(at)
    }
  }
  return places
}

/**
 * Whether a literal segment of a pattern is one that decoding has made, or the last one. @param decoded  see
 * `separatedReadings`
 */
export const becomesText = (pattern: readonly LooseSegment[], decoded: Set<number>): boolean =>
  pattern.some(({ kind }, i) => kind === 'text' && (i === pattern.length - 1 || decoded.has(i)))

function looseText(segment: string): string {
  let text = segment
  for (let i = 0; i < MOST_DECODINGS && text.includes('%'); i++) text = decoded(text)
  // to upper and to lower case, since some letters have two forms in only one of them
  if (/[^\0-\x7f]/.test(text)) text = text.normalize('NFKC').toUpperCase()
  return text.trim().toLowerCase()
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * @param pattern  the router pattern of a route @returns its segments; two forms when the last parameter is optional
 */
export function loosePatterns(pattern: string): LooseSegment[][] {
  const isOptional = /:[^/()]*(?:\(.*\))?\?$/.test(pattern)
  const segments = splitPattern(isOptional ? pattern.slice(0, -1) : pattern).map(looseSegment)
  return isOptional ? [segments, segments.slice(0, -1)] : [segments]
}

/** Splits at slashes outside of regular expressions. */
function splitPattern(pattern: string): string[] {
  const segments: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= pattern.length; i++) {
    if (pattern[i] === '\\') i++
    else if (pattern[i] === '(') depth++
    else if (pattern[i] === ')') depth--
    else if (i === pattern.length || (pattern[i] === '/' && depth === 0)) {
      if (i > start) segments.push(pattern.slice(start, i))
      start = i + 1
    }
  }
  return segments
}

function looseSegment(segment: string): LooseSegment {
  if (segment === '*') return { kind: 'wildcard' }
  // the text around the parameters, and their expressions
  const texts = ['']
  const expressions: string[] = []
  for (let i = 0; i < segment.length;) {
    const name = segment[i] === ':' && segment[i + 1] !== ':' ? /^:[^(.-]*/.exec(segment.slice(i))![0] : ''
    if (name === '') {
      texts.push(texts.pop()! + segment[i]!)
      i += segment[i] === ':' ? 2 : 1
      continue
    }
    i += name.length
    const expression = segment[i] === '(' ? balanced(segment, i) : ''
    i += expression.length
    expressions.push(expression)
    texts.push('')
  }
  const pieces = texts.map(looseText)
  if (expressions.length === 0) return { kind: 'text', text: pieces[0]! }
  if (expressions.length === 1 && pieces.join('') === '') {
    const [expression] = expressions as [string]
    if (expression === '') return { kind: 'parameter', key: ':', plain: true, fits: () => true }
    const regExp = new RegExp(`^(?:${expression.slice(1, -1).replace(/^\^/, '').replace(/\$$/, '')})$`, 'i')
    return { kind: 'parameter', key: `:${expression}`, plain: false, fits: (text) => regExp.test(text) }
  }
  // expressions within other text are ignored: matching too much is safe, too little is not
  return { kind: 'parameter', key: pieces.join(':'), plain: false, fits: (text) => hasPieces(text, pieces) }
}

function balanced(text: string, start: number): string {
  let depth = 0
  for (let i = start; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '(') depth++
    else if (text[i] === ')' && --depth === 0) return text.slice(start, i + 1)
  }
  return text.slice(start)
}

/** Whether a text contains the pieces in order, with at least one character between them. */
function hasPieces(text: string, pieces: readonly string[]): boolean {
  const last = pieces.at(-1)!
  if (!text.startsWith(pieces[0]!) || !text.endsWith(last)) return false
  let at = pieces[0]!.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at + 1)
    if (found === -1) return false
    at = found + piece.length
  }
  return at + 1 <= text.length - last.length
}
