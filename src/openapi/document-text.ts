import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml'
import { BootProblems } from '../errors.ts'
import { boundedCopy } from './document-bounds.ts'
import { jsonLines, type TextPath } from './json-lines.ts'

/** The content of a file, and where in it each part stands. */
export interface DocumentText {
  /** Plain JSON; no part of it is shared with another. */
  readonly value: unknown
  /**
   * Lines, counted from 1, on which parts stand; for a part that is not there, the line of what it is missing from. One
   * call for many parts is as cheap as one for a single part.
   */
  linesOf(paths: readonly TextPath[]): number[]
}

const problem = (shownAs: string, line: number | undefined, message: string): BootProblems =>
  new BootProblems([{ file: line === undefined ? shownAs : `${shownAs}:${line}`, field: '', message }])

const lineAt = (text: string, position: number): number => {
  let line = 1
  for (let next = text.indexOf('\n'); next !== -1 && next < position; next = text.indexOf('\n', next + 1)) line++
  return line
}

/** Where V8 has found a mistake: it tells a position, or a line in long texts, or that the text has ended. */
function jsonMistake(text: string, { message }: SyntaxError): { line: number | undefined; what: string } {
  const what =
    /^(Unexpected token|[^"']+? in JSON|Unexpected end of JSON input)/.exec(message)?.[1] ?? 'unexpected text'
  const line = /line (\d+) column/.exec(message)?.[1]
  const position = /at position (\d+)/.exec(message)?.[1]
  if (line !== undefined) return { line: Number(line), what }
  if (position !== undefined) return { line: lineAt(text, Number(position)), what }
  if (/end of JSON input/.test(message)) return { line: lineAt(text, text.length), what }
  // it quotes the ten characters on both sides of the mistake only
  const quoted = /, \.\.\."([\s\S]+)"(?:\.\.\.)? is not valid JSON$/.exec(message)?.[1]
  const start = quoted === undefined ? -1 : text.indexOf(quoted)
  return { line: start === -1 || text.includes(quoted!, start + 1) ? undefined : lineAt(text, start + 10), what }
}

function readJson(text: string, shownAs: string): DocumentText {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const { line, what } = jsonMistake(text, error as SyntaxError)
    throw problem(shownAs, line, `is not valid JSON: ${what}`)
  }
  return {
    value: boundedCopy(value, (message) => problem(shownAs, undefined, message)),
    linesOf: (paths) => jsonLines(text, paths),
  }
}

const YAML_MESSAGES: Record<string, string> = {
  BAD_ALIAS: 'the alias is not a valid one',
  DUPLICATE_KEY: 'the same key stands here a second time',
  MULTIPLE_DOCS: 'a second document starts here, one file holds one',
  TAG_RESOLVE_FAILED: 'the tag is not known or does not fit the value',
  NON_STRING_KEY: 'keys must be text',
}

function readYaml(text: string, shownAs: string): DocumentText {
  const lines = new LineCounter()
  let document: Document.Parsed
  let repeated: number | undefined
  let value: unknown
  try {
    // YAML 1.2 core: `no` is text, no dates, no tags that could build anything but plain values; keys such as 200
    // become text
    document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      strict: true,
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
    })
    repeated = repeatedKey(document.contents)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw problem(shownAs, undefined, 'is not accepted: it is nested too deeply')
  }
  const error = document.errors[0] ?? document.warnings[0]
  if (error && /call stack/.test(error.message)) {
    throw problem(shownAs, undefined, 'is not accepted: it is nested too deeply')
  }
  if (error) {
    throw problem(
      shownAs,
      lines.linePos(error.pos[0]).line,
      `is not valid YAML: ${YAML_MESSAGES[error.code] ?? error.message.replace(/: ".*$/s, '')}`,
    )
  }
  if (repeated !== undefined) {
    throw problem(shownAs, lines.linePos(repeated).line, `is not valid YAML: ${YAML_MESSAGES.DUPLICATE_KEY}`)
  }
  try {
    // aliases are counted below, together with everything else
    value = document.toJS({ maxAliasCount: -1 })
  } catch (error) {
    throw problem(
      shownAs,
      undefined,
      error instanceof RangeError
        ? 'is not accepted: it is nested too deeply'
        : 'is not valid YAML: it has an alias whose anchor does not stand before it',
    )
  }
  return {
    value: boundedCopy(value, (message) => problem(shownAs, undefined, message)),
    linesOf: (paths) => paths.map((path) => yamlLine(document, lines, path)),
  }
}

/**
 * Where a key stands that its mapping has already; the parser compares each with all others, which takes minutes for
 * 100,000.
 */
function repeatedKey(node: unknown): number | undefined {
  if (isSeq(node)) return firstOf(node.items)
  if (!isMap(node)) return undefined
  const known = new Set<string>()
  for (const { key, value } of node.items) {
    if (isScalar(key)) {
      const name = String(key.value)
      if (known.has(name)) return key.range?.[0] ?? 0
      known.add(name)
    }
    const within = repeatedKey(value)
    if (within !== undefined) return within
  }
  return undefined
}

function firstOf(items: readonly unknown[]): number | undefined {
  for (const item of items) {
    const found = repeatedKey(item)
    if (found !== undefined) return found
  }
  return undefined
}

type Ranged = { range?: [number, number, number] | null } | null | undefined

function yamlLine(document: Document.Parsed, lines: LineCounter, path: TextPath): number {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
      if (!pair) break
      offset = (pair.key as Ranged)?.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = (node as Ranged)?.range?.[0] ?? offset
    } else break
  }
  return lines.linePos(offset).line
}

/**
 * Parses a JSON or YAML text; what it is, its first character says.
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line; no text of the file is in it
 */
export function readDocumentText(text: string, shownAs: string): DocumentText {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text
  const start = /[^\s]/.exec(plain)?.[0]
  if (start === undefined) throw problem(shownAs, undefined, 'is empty, allowed: an OpenAPI document')
  return start === '{' && looksLikeJson(plain) ? readJson(plain, shownAs) : readYaml(plain, shownAs)
}

/** YAML may begin with a brace too, as a flow mapping; a key without quotes tells. */
const looksLikeJson = (text: string): boolean => /^\s*\{\s*["}]/.test(text)
