import type { ApiDocument, ApiOperation } from '../openapi/types.ts'
import { type ApiSettings, apiSettings } from '../openapi/api-declaration-schema.ts'
import { routerPath } from '../contract/router-path.ts'
import type { Problem } from '../errors.ts'
import { FORWARDED_METHODS, type RouteDeclaration, type UpstreamDeclaration } from './declaration-schema.ts'
import { NO_AUTH } from './declaration-check.ts'
import { operationAuth } from './operation-auth.ts'
import { operationSettings } from './operation-settings.ts'
import { parsePattern } from './path-pattern.ts'

/** A route that a document has brought along. */
export interface ImportedRoute {
  /** As an upstream file would have it. */
  declaration: RouteDeclaration
  operation: ApiOperation
  /** Path without the names of its parameters, by which routes of the file are found that go before it. */
  shape: string
}

/** A document and what has become of it. */
export interface ImportedApi {
  document: ApiDocument
  routes: ImportedRoute[]
}

/** Most problems of one kind that are told one by one. */
const MOST = 10

/**
 * Makes a route of every operation of a document.
 * @param authStated  whether upstream or gateway say who may call
 * @returns the routes, and what keeps operations from becoming one
 */
export function importRoutes (document: ApiDocument, upstream: UpstreamDeclaration, file: string, authStated: boolean): { api: ImportedApi, problems: Problem[] } {
  const settings = apiSettings(upstream.openapi!)
  const problems: Problem[] = []
  const guarded = new Set((upstream.routes ?? []).filter(({ auth, match }) => auth !== undefined && match === undefined).flatMap(({ method, url }) => [method].flat().map((name) => `${name} ${shapeOf(url)}`)))
  const open: string[] = []
  const routes: ImportedRoute[] = []
  for (const operation of document.operations) {
    // such are told in the notes of the document
    if (!FORWARDED_METHODS.includes(operation.method)) continue
    const say = (field: string, message: string): void => { problems.push({ file: operation.where, field: [`${operation.method} ${operation.path}`, field].filter(Boolean).join(': '), message }) }
    const route = importedRoute(operation, settings, say)
    if (route === null) continue
    if (!authStated && route.declaration.auth === undefined && !guarded.has(`${operation.method} ${route.shape}`)) open.push(`${operation.method} ${operation.path}`)
    routes.push(route)
  }
  if (open.length > 0) problems.push({ file, field: 'auth', message: `${NO_AUTH}. The document says nothing that openapi.security maps about ${open.slice(0, MOST).join(', ')}${open.length > MOST ? ` and ${open.length - MOST} others` : ''}` })
  return { api: { document, routes }, problems }
}

function importedRoute (operation: ApiOperation, settings: ApiSettings, say: (field: string, message: string) => void): ImportedRoute | null {
  const { url } = routerPath(operation.path)
  const pattern = parsePattern(url)
  if (typeof pattern === 'string') {
    say('', `the path cannot be routed: ${pattern}`)
    return null
  }
  const { summary, description, deprecated } = operation.object
  const auth = operationAuth(operation, settings, (message) => say('security', message))
  return {
    operation,
    shape: pattern.shape,
    declaration: {
      method: operation.method,
      url,
      ...auth === undefined ? {} : { auth },
      ...operationSettings(operation, say),
      schema: {
        ...typeof summary === 'string' ? { summary } : {},
        ...typeof description === 'string' ? { description } : {},
        ...operation.operationId === undefined ? {} : { operationId: operation.operationId },
        ...deprecated === true ? { deprecated } : {},
        ...operation.extensions['x-internal'] === true ? { hide: true } : {},
      },
    },
  }
}

/** @param url  a pattern that has been checked; one with mistakes has no shape */
function shapeOf (url: string): string {
  const pattern = parsePattern(url)
  return typeof pattern === 'string' ? '' : pattern.shape
}
