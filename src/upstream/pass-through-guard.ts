import createRouter from 'find-my-way'
import { decodedPath } from '../proxy/canonical-path.ts'
import type { DeclaredRoute } from './declared-routes.ts'

/** Backends often read paths more generously than the gateway: without regard to case or a slash at the end. */
const GENEROUS = { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: 4096 }

/** The paths of an upstream that its pass-through leaves alone; null when it may answer for all. */
export type PassThroughGuard = ((path: string) => boolean) | null

/**
 * A pass-through takes what is not declared. A declared path with an `auth` of its own is guarded by that, so the
 * pass-through does not answer there: neither for other methods nor for spellings that a backend may take for the same path.
 * @param auth  that of the pass-through
 * @returns whether a canonical, public path is guarded otherwise
 */
export function passThroughGuard (routes: readonly DeclaredRoute[], auth: DeclaredRoute['auth']): PassThroughGuard {
  const guarded = new Map<string, string>()
  for (const route of routes) {
    // what such a router takes for one pattern
    if (route.auth !== 'none' && JSON.stringify(route.auth) !== JSON.stringify(auth)) guarded.set(route.path.replace(/\/$/, '').replace(/:\w+/g, ':').toLowerCase(), route.path)
  }
  if (guarded.size === 0) return null
  const router = createRouter(GENEROUS)
  for (const path of guarded.values()) router.on('GET', path, () => {})
  return (path) => router.find('GET', decodedPath(path)) !== null
}
