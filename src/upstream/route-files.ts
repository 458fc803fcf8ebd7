import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyPluginAsync } from 'fastify'
import { parse as parseYaml } from 'yaml'
import { checkAgainst } from '../config/schema-check.ts'
import type { Problem } from '../errors.ts'
import { checkDeclaration } from './declaration-check.ts'
import { UpstreamDeclaration } from './declaration-schema.ts'
import { declarationOf } from './define-upstream.ts'
import { registerSelfResolver } from './self-resolver.ts'

const EXTENSIONS = /\.(?:ts|mts|js|mjs|ya?ml|json)$/
const NOT_A_ROUTE = /^[._]|\.d\.m?ts$|\.test\.m?[jt]s$/

/** A file of `routes/`: a declaration, or a Fastify plugin written by hand. */
export type RouteFile =
  | { file: string, declaration: UpstreamDeclaration }
  | { file: string, plugin: FastifyPluginAsync }

/** What route files inherit from the gateway. */
export interface RouteDefaults {
  /** Whether the gateway states an `auth` for all upstreams. */
  authInherited: boolean
}

/**
 * Reads every upstream file of a folder, those in folders below it too. Names that begin with a dot or an underscore are left
 * out, so that helpers can stand beside the routes.
 * @param folder  absolute path
 * @returns the files that are right, and the problems of all others together
 */
export async function loadRouteFiles (folder: string, defaults: RouteDefaults): Promise<{ files: RouteFile[], problems: Problem[] }> {
  registerSelfResolver()
  const files: RouteFile[] = []
  const problems: Problem[] = []
  let entries
  try {
    entries = await readdir(folder, { withFileTypes: true, recursive: true })
  } catch (error) {
    return { files, problems: [{ file: folder, field: '', message: `the folder of the upstream files cannot be read (${(error as NodeJS.ErrnoException).code}): create it, or state another with --routes` }] }
  }
  const paths = entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && EXTENSIONS.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(folder, path).split('/').some((part) => NOT_A_ROUTE.test(part) || part === 'node_modules'))
    .sort()
  const loaded = await Promise.all(paths.map((path) => loadRouteFile(path, displayName(path), defaults)))
  for (const result of loaded) {
    if (Array.isArray(result)) problems.push(...result)
    else files.push(result)
  }
  return { files, problems }
}

async function loadRouteFile (path: string, file: string, { authInherited }: RouteDefaults): Promise<RouteFile | Problem[]> {
  let content: unknown
  try {
    content = /\.m?[jt]s$/.test(path)
      ? (await import(pathToFileURL(path).href)).default
      : parseData(await readFile(path, 'utf8'), path)
  } catch (error) {
    return [{ file, field: '', message: `cannot be loaded: ${oneLine(error)}` }]
  }
  const declaration = declarationOf(content) ?? (isPlainObject(content) ? content : undefined)
  if (declaration === undefined) {
    if (typeof content === 'function') return { file, plugin: content as FastifyPluginAsync }
    return [{ file, field: 'default export', message: `found ${content === undefined ? 'none' : typeof content}, expected an upstream: "export default defineUpstream({ ... })", or a Fastify plugin` }]
  }
  const problems = checkAgainst(UpstreamDeclaration, declaration, file)
  if (problems.length > 0) return problems
  const checked = declaration as UpstreamDeclaration
  const further = checkDeclaration(checked, file, authInherited)
  return further.length > 0 ? further : { file, declaration: checked }
}

const parseData = (text: string, path: string): unknown =>
  path.endsWith('.json') ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100 })

const isPlainObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const oneLine = (error: unknown): string => String((error as Error)?.message ?? error).split('\n')[0]!

/** Paths are shown as a person at the prompt would type them. */
const displayName = (path: string): string => {
  const shown = relative(process.cwd(), path)
  return shown.startsWith('..') ? path : shown
}
