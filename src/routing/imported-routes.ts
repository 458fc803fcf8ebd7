import type { ApiDocument, ApiOperation, OmittedOperation } from '../schema/types.ts'
import { type ApiSettings, apiSettings } from '../openapi/api-declaration-schema.ts'
import { routerPath } from '../validation/path-reader.ts'
import type { Problem } from '../errors.ts'
import { bytes } from '../units.ts'
import type { LoadedApi } from './api-registry.ts'
import { FORWARDED_METHODS, type RouteDeclaration, type UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { NO_AUTH } from './declaration-check.ts'
import { operationAuth, operationSettings } from './operation-settings.ts'
import { parsePattern } from './path-pattern.ts'

/** A route made from an operation of an API document. */
export interface ImportedRoute {
  /** The declaration, as in an upstream file. */
  declaration: RouteDeclaration
  operation: ApiOperation
  /** Path without parameter names, to find routes of the file that override it. */
  shape: string
}

/** An API document with its routes. */
export interface ImportedApi extends LoadedApi {
  routes: ImportedRoute[]
  /** Operations omitted for a fault of the document; each answers 501. */
  omitted: OmittedRoute[]
}

/** An omitted operation, as a route of an upstream file. */
export interface OmittedRoute {
  method: string
  url: string
  /** See `ImportedRoute`. */
  shape: string
  /** File and line. */
  where: string
}

/** Most problems of one kind that are listed one by one. */
const MOST = 10

/**
 * Makes a route of every operation of a document.
 * @param inherited.authStated  whether the upstream or the gateway has an `auth`
 * @param inherited.bodyLimit   the gateway's limit in bytes; undefined while it is unknown
 * @returns the routes, and the problems of operations that cannot become routes
 */
export function importRoutes(
  document: ApiDocument,
  upstream: UpstreamDeclaration,
  file: string,
  { authStated, bodyLimit }: { authStated: boolean; bodyLimit: number | undefined },
): { routes: ImportedRoute[]; omitted: OmittedRoute[]; warnings: string[]; problems: Problem[] } {
  const settings = apiSettings(upstream.openapi!)
  const problems: Problem[] = []
  const warnings: string[] = []
  const own = routesBefore(upstream)
  const open: string[] = []
  const isOpen = (settings.unsecured ?? upstream.auth) === 'none'
  const largestBody = upstream.bodyLimit === undefined ? bodyLimit : bytes(upstream.bodyLimit)
  const known = new Map<string, string>()
  const routes: ImportedRoute[] = []
  for (const operation of document.operations) {
    // the notes of the document list these
    if (!FORWARDED_METHODS.includes(operation.method)) continue
    const say = (field: string, message: string): void => {
      problems.push({
        file: operation.where,
        field: [`${operation.method} ${operation.path}`, field].filter(Boolean).join(': '),
        message,
      })
    }
    // a pass-through would forward omitted operations
    const leavesOut = (settings.faults ?? 'refuse') !== 'refuse' && !upstream.passThrough
    const fault = (message: string): void => {
      if (leavesOut) warnings.push(`${operation.where}: left out: ${operation.method} ${operation.path} (${message})`)
      else say('', message)
    }
    const route = importedRoute(operation, settings, { isOpen, largestBody }, say, fault)
    if (route === null) continue
    const key = `${operation.method} ${route.shape}`
    const same = known.get(key)
    if (same !== undefined) {
      fault(`the path is the same as ${same}, written otherwise: keep one of them`)
      continue
    }
    known.set(key, operation.path)
    routes.push(route)
    const before = own.get(key)
    if (!authStated && route.declaration.auth === undefined && before?.auth === undefined) {
      open.push(`${operation.method} ${operation.path}`)
    }
    own.delete(key)
    const { url } = route.declaration
    if (before?.rewritePath !== undefined && operation.parameters.some((parameter) => parameter.style === 'matrix')) {
      problems.push({
        file,
        field: `${before.field}.rewritePath`,
        message: 'cannot write a matrix parameter as it came: leave rewritePath out, and let the targets have the path',
      })
    }
    if (before !== undefined && namesOf(before.url) !== namesOf(url)) {
      problems.push({
        file,
        field: `${before.field}.url`,
        message: `found "${before.url}", whose parameters the document names otherwise: use "${url}"`,
      })
    }
  }
  const omitted = omittedRoutes(document, known)
  if (upstream.passThrough) {
    for (const { method, path, where } of unroutable(document)) {
      problems.push({
        file: where,
        field: `${method} ${path}`,
        message:
          'is left out for a fault, its path cannot be routed, and "passThrough" would forward it: mend the path, or turn passThrough off',
      })
    }
  }
  // a route that overrides no operation has nothing to inherit from
  for (const [name, { auth, field }] of own) {
    if (!authStated && auth === undefined) {
      problems.push({
        file,
        field: `${field}.auth`,
        message: `${NO_AUTH} (${name.split(' ', 1)[0]} is no operation of the document)`,
      })
    }
  }
  if (open.length > 0) {
    problems.push({
      file,
      field: 'auth',
      message: `${NO_AUTH}. The document says nothing that openapi.security maps about ${open.slice(0, MOST).join(', ')}${open.length > MOST ? ` and ${open.length - MOST} others` : ''}`,
    })
  }
  return { routes, omitted, warnings, problems }
}

/** Omitted operations whose path shape is free: two paths that differ in parameter names only have one shape. */
function omittedRoutes({ omitted = [] }: ApiDocument, known: ReadonlyMap<string, string>): OmittedRoute[] {
  const routes = new Map<string, OmittedRoute>()
  for (const { method, path, where } of omitted) {
    const route = routed(path)
    if (!FORWARDED_METHODS.includes(method) || typeof route === 'string' || known.has(`${method} ${route.shape}`)) {
      continue
    }
    routes.set(`${method} ${route.shape}`, { method, url: route.url, shape: route.shape, where })
  }
  return [...routes.values()]
}

/** Omitted operations without a route: a broken path template does not say which paths it means. */
const unroutable = ({ omitted = [] }: ApiDocument): OmittedOperation[] =>
  omitted.filter(
    ({ method, path }) =>
      FORWARDED_METHODS.includes(method) &&
      (typeof routed(path) === 'string' || /[{}]/.test(path.replaceAll(/\{[^{}/]+\}/g, ''))),
  )

function importedRoute(
  operation: ApiOperation,
  settings: ApiSettings,
  { isOpen, largestBody }: { isOpen: boolean; largestBody: number | undefined },
  say: (field: string, message: string) => void,
  fault: (message: string) => void,
): ImportedRoute | null {
  const route = routed(operation.path)
  if (typeof route === 'string') {
    fault(`the path cannot be routed: ${route}`)
    return null
  }
  const { summary, description, deprecated } = operation.object
  const auth = operationAuth(operation, settings, isOpen, (message) => say('security', message))
  return {
    operation,
    shape: route.shape,
    declaration: {
      method: operation.method,
      url: route.url,
      ...(auth === undefined ? {} : { auth }),
      ...operationSettings(operation, largestBody, say),
      schema: {
        ...(typeof summary === 'string' ? { summary } : {}),
        ...(typeof description === 'string' ? { description } : {}),
        ...(operation.operationId === undefined ? {} : { operationId: operation.operationId }),
        ...(deprecated === true ? { deprecated } : {}),
        ...(operation.extensions['x-internal'] === true ? { hide: true } : {}),
      },
    },
  }
}

/** The router pattern of a path of the document, or what is wrong with it. */
function routed(path: string): { url: string; shape: string } | string {
  try {
    const { url } = routerPath(path)
    const pattern = parsePattern(url)
    return typeof pattern === 'string' ? pattern : { url, shape: pattern.shape }
  } catch (error) {
    return (error as Error).message
  }
}

/** Routes of the file that can override an operation, by method and path shape. */
function routesBefore({ routes = [] }: UpstreamDeclaration): Map<string, RouteDeclaration & { field: string }> {
  return new Map(
    routes.flatMap((route, i) => {
      const pattern = parsePattern(route.url)
      // mistakes in patterns are already reported
      if (typeof pattern === 'string' || route.match !== undefined) return []
      return [route.method]
        .flat()
        .map((method) => [`${method} ${pattern.shape}`, { ...route, field: `routes[${i}]` }] as const)
    }),
  )
}

const namesOf = (url: string): string => (parsePattern(url) as { parameters: readonly string[] }).parameters.join()
