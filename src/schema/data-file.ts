import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Document, LineCounter } from 'yaml'
import { BootProblems } from '../errors.ts'
import { jsonLines, type TextPath } from './json-lines.ts'

const require = createRequire(import.meta.url)
/** Loaded with the first file that needs it. */
const yaml = (): typeof import('yaml') => require('yaml')

/** The content of a YAML or JSON file, and where in the file each part of it stands. */
export interface DataFile {
  readonly value: unknown
  /**
   * The lines of parts, counted from 1. For a part that does not exist: the line of the nearest parent. One call for
   * many parts costs as much as one for a single part.
   */
  linesOf(paths: readonly TextPath[]): number[]
}

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ENOTDIR: 'no such file',
  ELOOP: 'its symbolic links form a loop',
}

/** Why a file cannot be read, in a few words without its path. */
export function readFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return READ_ERRORS[code] ?? (code || 'unknown reason')
}

/**
 * Reads a `.yaml`, `.yml` or `.json` file.
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line when it cannot be read or parsed; it quotes nothing of the file
 */
export function readDataFile(path: string, shownAs: string): DataFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw problem(shownAs, undefined, `cannot be read: ${readFailure(error)}`)
  }
  return parseDataText(text, path, shownAs)
}

/**
 * Parses the text of a `.yaml`, `.yml` or `.json` file. Its keys must be unique texts.
 * @param path     its extension determines the format
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line
 */
export function parseDataText(text: string, path: string, shownAs: string): DataFile {
  const content = withoutMark(text)
  if (!path.endsWith('.json')) return parseYaml(content, shownAs, { stringKeys: true, maxAliasCount: 100 })
  if (content.trim() === '') throw problem(shownAs, undefined, 'is empty, allowed: a JSON document')
  const file = parseJson(content, shownAs)
  const repeated = yaml()
    .parseDocument(content, { schema: 'json', prettyErrors: false })
    .errors.find(({ code }) => code === 'DUPLICATE_KEY')
  if (repeated) throw problem(shownAs, lineAt(content, repeated.pos[0]), YAML_MESSAGES.DUPLICATE_KEY!)
  return file
}

/**
 * Parses an API document, JSON or YAML by its first characters. Keys such as `200` become text. The caller bounds depth
 * and size, which YAML aliases can multiply.
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line; it quotes nothing of the text
 */
export function parseDocumentText(text: string, shownAs: string): DataFile {
  const content = withoutMark(text)
  if (content.trim() === '') throw problem(shownAs, undefined, 'is empty, allowed: an OpenAPI document')
  // a YAML flow mapping begins with a brace too, but its keys need no quotes
  if (/^\s*\{\s*["}]/.test(content)) return parseJson(content, shownAs)
  return parseYaml(content, shownAs, { stringKeys: false, maxAliasCount: -1 })
}

const problem = (file: string, line: number | undefined, message: string): BootProblems =>
  new BootProblems([{ file: line === undefined ? file : `${file}:${line}`, field: '', message }])

const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text)

function lineAt(text: string, position: number): number {
  let line = 1
  for (let next = text.indexOf('\n'); next !== -1 && next < position; next = text.indexOf('\n', next + 1)) line++
  return line
}

function parseJson(text: string, shownAs: string): DataFile {
  try {
    return { value: JSON.parse(text), linesOf: (paths) => jsonLines(text, paths) }
  } catch (error) {
    const { line, what } = jsonMistake(text, error as SyntaxError)
    throw problem(shownAs, line, `is not valid JSON: ${what}`)
  }
}

/**
 * The description and line of a JSON mistake, from V8's message. The message names a position, or a line and column in
 * long texts, or only quotes the text around the mistake. That quote may hold a secret: it is never shown.
 */
function jsonMistake(text: string, { message }: SyntaxError): { line: number | undefined; what: string } {
  const what =
    /^(Unexpected token '.+?'|[^"]+? in JSON|Unexpected end of JSON input)/.exec(message)?.[1] ?? 'unexpected text'
  const line = /line (\d+) column/.exec(message)?.[1]
  if (line !== undefined) return { line: Number(line), what }
  const position = /at position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return { line: lineAt(text, Number(position)), what }
  if (/end of JSON input/.test(message)) return { line: lineAt(text, text.length), what }
  // the quote is the whole text when that is short, else ten characters on both sides of the mistake
  const quoted = /, \.\.\."([\s\S]+)"(?:\.\.\.)? is not valid JSON$/.exec(message)?.[1]
  if (quoted !== undefined) {
    const start = text.indexOf(quoted)
    const isUnique = start !== -1 && !text.includes(quoted, start + 1)
    return { line: isUnique ? lineAt(text, start + 10) : undefined, what }
  }
  const token = /^Unexpected token '(.+?)'/.exec(message)?.[1]
  return { line: token === undefined ? undefined : shortMistakeLine(text), what }
}

/** The line of a mistake in a short text, for which V8 gives no position: the YAML parser finds it. */
function shortMistakeLine(text: string): number | undefined {
  const [error] = yaml().parseDocument(text, { schema: 'json', prettyErrors: false }).errors
  return error && lineAt(text, error.pos[0])
}

// the parser's own messages about these quote the file, which may hold a secret
const YAML_MESSAGES: Record<string, string> = {
  BAD_ALIAS: 'the alias is not a valid one',
  DUPLICATE_KEY: 'the same key is here a second time',
  MULTIPLE_DOCS: 'a second document starts here, allowed: one document in a file',
  TAG_RESOLVE_FAILED: 'the tag is not known or does not fit the value',
  NON_STRING_KEY: 'keys must be text',
}

const TOO_DEEP = 'is not accepted: it is nested too deeply'

interface YamlOptions {
  /** Whether keys such as `200` are refused; otherwise they become text. */
  stringKeys: boolean
  /** Most values that aliases may create; -1 when the caller bounds them. */
  maxAliasCount: number
}

function parseYaml(text: string, shownAs: string, { stringKeys, maxAliasCount }: YamlOptions): DataFile {
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const invalid = (position: number, message: string): BootProblems =>
    problem(shownAs, lines.linePos(position).line, `is not valid YAML: ${message}`)
  try {
    // YAML 1.2 core: `no` is text, there are no dates, and no tag builds anything but plain values
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      strict: true,
      stringKeys,
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
    })
    const error = document.errors[0] ?? document.warnings[0]
    if (error && /call stack/.test(error.message)) throw new RangeError(TOO_DEEP)
    if (error) throw invalid(error.pos[0], YAML_MESSAGES[error.code] ?? error.message.replace(/: ".*$/s, ''))
    const repeated = repeatedKey(document.contents)
    if (repeated !== undefined) throw invalid(repeated, YAML_MESSAGES.DUPLICATE_KEY!)
    return {
      value: document.toJS({ maxAliasCount }),
      linesOf: (paths) => paths.map((path) => yamlLine(document, lines, path)),
    }
  } catch (error) {
    if (error instanceof RangeError) throw problem(shownAs, undefined, TOO_DEEP)
    if (!(error instanceof ReferenceError)) throw error
    // thrown by `toJS`: an alias without an anchor, or aliases that multiply ("billion laughs")
    throw problem(
      shownAs,
      undefined,
      /Excessive/.test(error.message)
        ? 'is not accepted: its aliases create too many values'
        : 'is not valid YAML: it has an alias without an anchor before it',
    )
  }
}

/**
 * The position of the first repeated key. The parser's own check compares each key with all others: minutes for 100,000
 * keys.
 */
function repeatedKey(node: unknown): number | undefined {
  const { isMap, isScalar, isSeq } = yaml()
  const pending = [node]
  let first: number | undefined
  while (pending.length > 0) {
    const next = pending.pop()
    if (isSeq(next)) for (const item of next.items) pending.push(item)
    if (!isMap(next)) continue
    const known = new Set<string>()
    for (const { key, value } of next.items) {
      pending.push(value)
      if (!isScalar(key)) continue
      const name = String(key.value)
      const position = key.range?.[0] ?? 0
      if (known.has(name) && (first === undefined || position < first)) first = position
      known.add(name)
    }
  }
  return first
}

type Ranged = { range?: [number, number, number] | null } | null | undefined

function yamlLine(document: Document.Parsed, lines: LineCounter, path: TextPath): number {
  const { isMap, isScalar, isSeq } = yaml()
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
