import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Document, LineCounter } from 'yaml'
import { BootProblems } from '../errors.ts'

const require = createRequire(import.meta.url)
/** Loaded with the first YAML or JSON file. */
const yaml = (): typeof import('yaml') => require('yaml')

/** The content of a YAML or JSON file, and where in the file each part of it stands. */
export interface DataFile {
  value: unknown
  /**
   * Line, counted from 1, on which a part stands; for a part that is not there, the line of what it is missing from.
   */
  lineOf(path: readonly (string | number)[]): number | undefined
}

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'it is a folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ENOTDIR: 'no such file',
}

/** Why a file cannot be read, in a few words without its path. */
export function readFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return READ_ERRORS[code] ?? (code || 'unknown reason')
}

function problem(file: string, line: number | undefined, message: string): BootProblems {
  return new BootProblems([{ file: line ? `${file}:${line}` : file, field: '', message }])
}

const lineOfPosition = (text: string, position: number): number => text.slice(0, position).split('\n').length

function located(document: Document.Parsed, lines: LineCounter, value: unknown): DataFile {
  const { isMap, isScalar, isSeq } = yaml()
  return {
    value,
    lineOf(path) {
      let node: unknown = document.contents
      let offset = document.contents?.range?.[0]
      for (const step of path) {
        if (isMap(node)) {
          const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step)
          if (!pair) break
          offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset
          node = pair.value
        } else if (isSeq(node)) {
          node = node.items[Number(step)]
          offset = (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? offset
        } else break
      }
      return offset === undefined ? undefined : lines.linePos(offset).line
    },
  }
}

/** V8 quotes the text around the error, which may hold a secret: only the part before it is told. */
const withoutSource = (message: string): string =>
  /^(Unexpected token '.+?'|[^"]+? in JSON|Unexpected end of JSON input)/.exec(message)?.[1] ?? 'unexpected text'

function parseJson(text: string, shownAs: string): DataFile {
  if (text.trim() === '') throw problem(shownAs, undefined, 'is empty, allowed: a JSON document')
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(text, { schema: 'json', lineCounter: lines, prettyErrors: false })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const { message } = error as SyntaxError
    const at = /line (\d+) column/.exec(message)?.[1]
    const line = at
      ? Number(at)
      : /end of JSON input/.test(message)
        ? lineOfPosition(text, text.length)
        : document.errors[0] && lineOfPosition(text, document.errors[0].pos[0])
    throw problem(shownAs, line, `is not valid JSON: ${withoutSource(message)}`)
  }
  const twice = document.errors.find((error) => error.code === 'DUPLICATE_KEY')
  if (twice) throw problem(shownAs, lineOfPosition(text, twice.pos[0]), 'the same key stands here a second time')
  return located(document, lines, value)
}

// what the parser says about these quotes the file, which may hold a secret
const YAML_MESSAGES: Record<string, string> = {
  BAD_ALIAS: 'the alias is not a valid one',
  DUPLICATE_KEY: 'the same key stands here a second time',
  MULTIPLE_DOCS: 'a second document starts here, one file holds one',
  TAG_RESOLVE_FAILED: 'the tag is not known or does not fit the value',
  NON_STRING_KEY: 'keys must be text',
}

function parseYaml(text: string, shownAs: string): DataFile {
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  // YAML 1.2 core: `no` is text, no dates, no custom tags that could build anything but plain values
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    strict: true,
    lineCounter: lines,
    prettyErrors: false,
  })
  const error = document.errors[0] ?? document.warnings[0]
  if (error) {
    throw problem(
      shownAs,
      lineOfPosition(text, error.pos[0]),
      `is not valid YAML: ${YAML_MESSAGES[error.code] ?? error.message.replace(/: ".*$/s, '')}`,
    )
  }
  try {
    return located(document, lines, document.toJS({ maxAliasCount: 100 }))
  } catch (error) {
    // an alias without an anchor, or a billion laughs
    throw problem(
      shownAs,
      undefined,
      error instanceof ReferenceError && /Excessive/.test(error.message)
        ? 'is not accepted: its aliases multiply beyond every use'
        : 'is not valid YAML: it has an alias whose anchor does not stand before it',
    )
  }
}

/**
 * Reads a `.yaml`, `.yml` or `.json` file.
 * @param path     where it is
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line when it cannot be read or parsed; no text of the file is in it
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
 * Parses the text of a `.yaml`, `.yml` or `.json` file.
 * @param path     tells by its ending which of them it is
 * @param shownAs  its name in problems
 * @throws BootProblems  one problem with file and line
 */
export function parseDataText(text: string, path: string, shownAs: string): DataFile {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text
  return path.endsWith('.json') ? parseJson(content, shownAs) : parseYaml(content, shownAs)
}
