import { execFile } from 'node:child_process'
import { findPackageJSON } from 'node:module'
import { dirname, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BootProblems } from '../errors.ts'
import { readFailure } from '../schema/data-file.ts'
import { LoadFailure, loadGuarded } from './load-guard.ts'

const BE_MODULE = 'add "type": "module" to package.json, or let the name of the file end with .mts or .mjs'

/** The `package.json` files already reported: all modules next to one have the same mistake. */
const told = new Set<string | undefined>()

/**
 * Replaces Node's four-line warning by one line. Node parses a file twice when `package.json` has no `type`, as after
 * `npm init`.
 */
function shortenTypelessWarning(): void {
  const { emitWarning } = process
  process.emitWarning = function (warning: string | Error, ...more: unknown[]) {
    const [details] = more as [{ code?: string } | undefined]
    const url =
      details?.code === 'MODULE_TYPELESS_PACKAGE_JSON'
        ? /file:\/\/\S+?(?= is not specified)/.exec(String(warning))?.[0]
        : undefined
    if (url === undefined) return (emitWarning as (...words: unknown[]) => void).call(process, warning, ...more)
    const path = fileURLToPath(url)
    const manifest = findPackageJSON(url)
    if (told.has(manifest)) return
    told.add(manifest)
    process.stderr.write(
      `note: ${relative(process.cwd(), path)}: Node reads it twice, since package.json has no "type": ${BE_MODULE}\n`,
    )
  } as typeof process.emitWarning
}
shortenTypelessWarning()

interface Place {
  path: string
  line?: number
}

/** Stack frames of the gateway itself, which do not point to the user's file. */
const OWN_SOURCE = fileURLToPath(new URL('..', import.meta.url))
const isForeign = ({ path }: Place): boolean => !path.startsWith(OWN_SOURCE) && !/[\\/]node_modules[\\/]/.test(path)

/** A location such as `file:///a/b.ts:3:7` or `/a/b.ts:3`. */
function placeOf(text: string): Place | undefined {
  const match = /((?:file:\/\/)?\/[^\n()]*?|[A-Za-z]:\\[^\n()]*?):(\d+)(?::\d+)?(?=[)\s]|$)/.exec(text)
  if (!match) return undefined
  return { path: match[1]!.startsWith('file:') ? fileURLToPath(match[1]!) : match[1]!, line: Number(match[2]) }
}

/** V8 does not report the location of a syntax error in a plain JavaScript module; `node --check` does. */
function checkSyntax(path: string): Promise<Place | undefined> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--check', path], { timeout: 10_000 }, (_error, _out, err) =>
      resolve(placeOf(err.split('\n', 1)[0]!)),
    )
  })
}

function firstPlace(stack: string, message: string): Place | undefined {
  // the message itself may contain file names
  const trace = stack.replace(message, '')
  return trace
    .split('\n')
    .filter((line) => !line.includes('node:'))
    .map(placeOf)
    .find((place) => place && isForeign(place))
}

async function placeOfError(error: Error, path: string): Promise<Place | undefined> {
  const place = firstPlace(String(error.stack), error.message)
  if (place || !(error instanceof SyntaxError)) return place
  return checkSyntax(path)
}

const oneLine = (text: string): string => text.split('\n', 1)[0]!.trim()

/** V8's messages about module syntax in a file that Node treats as CommonJS. */
const ONLY_IN_MODULES =
  /^(?:Cannot use import statement outside a module|Unexpected token 'export'|Cannot use 'import\.meta' outside a module|await is only valid in async functions)/

function reason(error: Error & { code?: string }, path: string): string {
  if (error instanceof LoadFailure) return error.message
  if (error instanceof SyntaxError && ONLY_IN_MODULES.test(error.message) && /\.[jt]s$/.test(path)) {
    return `is read as CommonJS, as package.json says, and uses import or export: ${BE_MODULE}`
  }
  if (error.code === 'ERR_MODULE_NOT_FOUND') {
    const missing = /^Cannot find (package|module) '([^']+)'/.exec(error.message)
    if (missing?.[1] === 'package') return `imports "${missing[2]}", which is not installed`
    if (missing) {
      return missing[2] === path
        ? 'cannot be read: no such file'
        : `imports ${relative(dirname(path), missing[2]!)}, which does not exist`
    }
  }
  if (error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return `syntax error: ${oneLine(error.message)}: Node removes types and runs the rest, so only TypeScript that is JavaScript with types can be used`
  }
  if (error instanceof SyntaxError) return `syntax error: ${oneLine(error.message)}`
  if (error.code && ['ENOENT', 'EISDIR', 'EACCES', 'EPERM', 'ENOTDIR'].includes(error.code)) {
    return `cannot be read: ${readFailure(error)}`
  }
  return `failed while it was loaded: ${oneLine(error.message) || error.name}`
}

/**
 * Imports a `.ts`, `.js` or `.mjs` file; types are stripped by Node itself.
 * @param path     absolute path
 * @param shownAs  its name in problems
 * @param bound    time limit in milliseconds
 * @returns the namespace of the module
 * @throws BootProblems  one problem with file, line and reason when it cannot be read, parsed or run to its end, or
 *   ends the process
 */
export async function importFile(path: string, shownAs: string, bound?: number): Promise<Record<string, unknown>> {
  try {
    return await loadGuarded(() => import(pathToFileURL(path).href), bound)
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    const place = thrown === error ? await placeOfError(error, path) : undefined
    // for an error in a file that this one imports, name both files
    const file = !place || place.path === path ? shownAs : `${shownAs}: ${relative(dirname(path), place.path)}`
    throw new BootProblems([
      { file: place?.line ? `${file}:${place.line}` : file, field: '', message: reason(error, path) },
    ])
  }
}
