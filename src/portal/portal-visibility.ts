import { authForm } from '../auth/auth-schema.ts'
import type { DocumentedRoute } from './openapi-operation.ts'

/** Public path of a route. */
export const patternOf = ({ url, config }: DocumentedRoute): string => config.publicUrl ?? url

/** The prefix below which a pass-through forwards everything; `''` is the root. */
export const passedPrefix = (route: DocumentedRoute): string => patternOf(route).replace(/\/\*?$/, '')

/**
 * Whether documents show a route as an operation.
 * @param hideScopes  scopes, `*` at the end matches any rest; a route that cannot be called without one of them is
 *   hidden
 */
export function isVisible(route: DocumentedRoute, hideScopes: readonly string[]): boolean {
  // a pass-through has no operations here: only the service can describe them
  return route.config.passThrough !== true && !patternOf(route).includes('*') && isShown(route, hideScopes)
}

/** Whether documents mention that the route passes everything below its prefix through. */
export function isPassedThrough(route: DocumentedRoute, hideScopes: readonly string[]): boolean {
  return route.config.passThrough === true && isShown(route, hideScopes)
}

function isShown(route: DocumentedRoute, hideScopes: readonly string[]): boolean {
  const { auth, api } = route.config
  // a route without `auth`, such as Swagger UI's, is not one of the API
  if (route.schema?.hide || auth === undefined) return false
  if (api?.operation.extensions['x-internal'] === true) return false
  const { mode, optional, uses } = authForm(auth)
  if (optional || uses.length === 0 || hideScopes.length === 0) return true
  const asked = uses.map(({ requirement: { scopes = [] } }) =>
    scopes.some((scope) => hideScopes.some((pattern) => fits(scope, pattern))),
  )
  // with several schemes, one that requires no hidden scope is enough
  return mode === 'all' ? !asked.includes(true) : asked.includes(false)
}

const fits = (scope: string, pattern: string): boolean =>
  pattern.endsWith('*') ? scope.startsWith(pattern.slice(0, -1)) : scope === pattern
