import { stripTypeScriptTypes } from 'node:module'
import { serialize } from 'node:v8'
import { type Options, parse } from 'acorn'
import { parseDataText } from '../schema/data-file.ts'

const MODULE = /\.m?[jt]s$/
const TYPED = /\.m?ts$/
const DATA = /\.(?:json|ya?ml)$/

/**
 * Whether two versions of a file have the same meaning. In modules, comments, layout and types are ignored; in YAML and
 * JSON files, comments, layout and notation. All other files, and files with a syntax error, are compared byte by byte.
 * @param path  its extension determines the kind of file
 */
export function sameMeaning(path: string, before: Buffer, after: Buffer): boolean {
  if (before.equals(after)) return true
  const text = (version: Buffer): string => version.toString('utf8')
  try {
    if (MODULE.test(path)) return syntaxOf(path, text(before)) === syntaxOf(path, text(after))
    if (DATA.test(path)) return valueOf(path, text(before)).equals(valueOf(path, text(after)))
  } catch {
    // a version with a syntax error: loading the file reports it
  }
  return false
}

/** The value of a document, in a form that distinguishes `null` from `.inf` and keeps the order of keys. */
const valueOf = (path: string, text: string): Buffer => serialize(parseDataText(text, path, path).value)

/**
 * The syntax tree of a module as text. Comparing tokens would not be enough: a line break between two tokens can act as
 * a semicolon.
 * @throws SyntaxError
 */
function syntaxOf(path: string, text: string): string {
  const source = TYPED.test(path) ? withoutTypes(text) : text
  const options: Options = { ecmaVersion: 'latest', allowHashBang: true }
  let tree
  try {
    tree = parse(source, { ...options, sourceType: 'module' })
  } catch {
    // CommonJS
    tree = parse(source, { ...options, sourceType: 'script', allowReturnOutsideFunction: true })
  }
  return JSON.stringify(tree, function (this: object, key, value: unknown) {
    if (key === 'start' || key === 'end') return undefined
    // quotes and escapes of a string are only notation; for numbers, only `raw` distinguishes 1e999 from null
    if (key === 'raw' && 'value' in this && typeof this.value === 'string') return undefined
    return typeof value === 'bigint' ? String(value) : value
  })
}

/** Node warns that this function is experimental, which users can do nothing about. */
function withoutTypes(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
