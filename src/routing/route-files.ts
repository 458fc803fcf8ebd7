import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import { readDataFile, readFailure } from '../schema/data-file.ts'
import { lateFailures } from '../config/load-guard.ts'
import { importFile } from '../config/module-file.ts'
import { BootProblems, type Problem } from '../errors.ts'
import { checkDeclaration } from './declaration-check.ts'
import type { UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { declarationOf } from './define-upstream.ts'
import type { ImportedApi } from './imported-routes.ts'
import type { RouteDefaults } from './document-import.ts'
import { registerSelfResolver } from './self-resolver.ts'
import type { ValidPart } from './valid-part.ts'

const MODULE = /\.m?[jt]s$/
/** Endings that an upstream file may have. */
export const ROUTE_ENDINGS = ['.ts', '.mts', '.js', '.mjs', '.yaml', '.yml', '.json'] as const
const NOT_A_ROUTE = /^[._]|\.d\.[cm]?ts$|\.test\.[cm]?[jt]sx?$/

/** Whether a file is ignored for its name or folder. @param path  relative to the folder of the upstream files */
export const isLeftOut = (path: string): boolean =>
  path.split('/').some((part) => NOT_A_ROUTE.test(part) || part === 'node_modules')

/** A file of `routes/`: a declaration, or a hand-written Fastify plugin. */
export type RouteFile =
  | { file: string; declaration: UpstreamDeclaration; api?: ImportedApi }
  | { file: string; plugin: FastifyPluginAsync }
  /** A declaration with mistakes: not served, but its valid part can conflict with other files. */
  | { file: string; valid: ValidPart }

/** An upstream file that is checked before it is written. */
export interface DraftFile {
  /** Its current and its final path, both absolute. */
  path: string
  place: string
  /** Its documents. */
  documents: Pick<RouteDefaults, 'openapi' | 'baseDir'>
}

/**
 * Reads every upstream file of a folder and the folders below it. Names that begin with a dot or an underscore are
 * ignored, so that helper files can lie beside the routes.
 * @param folder  absolute path
 * @param draft   a file to read in place of the one at its final path
 * @returns the readable files, and every problem found
 */
export async function loadRouteFiles(
  folder: string,
  defaults: RouteDefaults,
  draft?: DraftFile,
): Promise<{ files: RouteFile[]; problems: Problem[] }> {
  registerSelfResolver()
  const files: RouteFile[] = []
  const problems: Problem[] = []
  let entries: Dirent[]
  try {
    entries = await readdir(folder, { withFileTypes: true, recursive: true })
  } catch (error) {
    // the folder is created together with the draft
    if (draft !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') entries = []
    else {
      return {
        files,
        problems: [
          {
            file: displayName(folder),
            field: '',
            message: `the folder of the upstream files cannot be read: ${readFailure(error).replace('file', 'folder')}: create it, or state another with --routes`,
          },
        ],
      }
    }
  }
  const paths = entries
    .filter(
      (entry) =>
        (entry.isFile() || entry.isSymbolicLink()) && ROUTE_ENDINGS.some((ending) => entry.name.endsWith(ending)),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isLeftOut(relative(folder, path)) && path !== draft?.place)
    .concat(draft?.place ?? [])
    .sort()
  const [loaded, late] = await lateFailures(paths, () =>
    Promise.all(
      paths.map((path) =>
        path === draft?.place
          ? loadRouteFile(draft.path, displayName(path), { ...defaults, ...draft.documents })
          : loadRouteFile(path, displayName(path), defaults),
      ),
    ),
  )
  problems.push(
    ...late.map(({ path, message }) => ({
      file: path === undefined ? displayName(folder) : displayName(path),
      field: '',
      message,
    })),
  )
  for (const result of loaded) {
    problems.push(...result.problems)
    if (result.routeFile) files.push(result.routeFile)
  }
  return { files, problems }
}

interface Loaded {
  routeFile?: RouteFile
  problems: Problem[]
}

async function loadRouteFile(path: string, file: string, defaults: RouteDefaults): Promise<Loaded> {
  const wrong = (field: string, message: string): Loaded => ({ problems: [{ file, field, message }] })
  const isModule = MODULE.test(path)
  let content: unknown
  try {
    if (isModule) {
      const module = await importFile(path, file)
      if (isEmpty(module)) return wrong('', `exports nothing, ${EXPECTED}`)
      content = module.default
    } else {
      content = readDataFile(path, file).value
      if (content === null) return wrong('', 'is empty, expected an upstream with name, targets, auth and routes')
    }
  } catch (error) {
    if (error instanceof BootProblems) return { problems: error.problems }
    throw error
  }
  try {
    return await withDocument(declared(content, file, isModule, defaults.authInherited), defaults)
  } catch (error) {
    // checking a declaration runs its getters, which may throw
    return wrong('default export', `cannot be looked at: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function declared(content: unknown, file: string, isModule: boolean, authInherited: boolean): Loaded {
  const wrong = (field: string, message: string): Loaded => ({ problems: [{ file, field, message }] })
  const declaration = declarationOf(content) ?? (isModule && !isPlainObject(content) ? undefined : content)
  if (declaration === undefined) {
    if (typeof content === 'function') {
      return { routeFile: { file, plugin: content as FastifyPluginAsync }, problems: [] }
    }
    return wrong('default export', `found ${content === undefined ? 'none' : typeof content}, ${EXPECTED}`)
  }
  const { problems, valid, declaration: checked } = checkDeclaration(declaration, file, authInherited)
  return problems.length > 0
    ? { routeFile: { file, valid }, problems }
    : { routeFile: { file, declaration: checked }, problems }
}

/** Reads the API document of a declaration, if it names one. */
async function withDocument(loaded: Loaded, defaults: RouteDefaults): Promise<Loaded> {
  const { routeFile } = loaded
  if (routeFile === undefined || !('declaration' in routeFile) || routeFile.declaration.openapi === undefined) {
    return loaded
  }
  const { importDocument } = await import('./document-import.ts')
  const { api, problems } = await importDocument(routeFile.declaration, routeFile.file, defaults)
  // with operations missing, messages about the others would mislead
  return problems.length > 0 ? { problems } : { routeFile: { ...routeFile, api }, problems }
}

const EXPECTED = 'expected an upstream: "export default defineUpstream({ ... })", or a Fastify plugin'

/** Node treats a file without module syntax as CommonJS, which exports an empty object. */
const isEmpty = (module: Record<string, unknown>): boolean =>
  Object.keys(module).length === 0 ||
  (module.default === module['module.exports'] &&
    isPlainObject(module.default) &&
    Object.keys(module.default as object).length === 0)

const isPlainObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A path as a user would type it at the prompt. */
export const displayName = (path: string): string => {
  const shown = relative(process.cwd(), path)
  return shown.startsWith('..') ? path : shown
}
