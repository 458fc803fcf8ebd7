import type { Documented } from './openapi-document.ts'
import type { DocumentedRoute } from './openapi-operation.ts'
import { documentPath } from './openapi-path.ts'
import { passedPrefix, patternOf } from './portal-visibility.ts'

/** How closely the hosts of a route match a host name; the router prefers a smaller number. */
const EXACT = 0
const WILDCARD = 1
const EVERY_HOST = 2

/** Pattern of host names in requests for documents: letters, digits, `-`, `_` and dots, or an address. */
export const HOST_NAME = '^(?:[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+)*\\.?|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?$'

/** The name in a `Host` header: lower case, without port and final dot. */
export const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')

/** The rank of a route's hosts for a host name. @returns undefined when they do not match */
export function hostRank(hosts: readonly string[] | undefined, name: string): number | undefined {
  if (hosts === undefined) return EVERY_HOST
  if (hosts.includes(name)) return EXACT
  return hosts.includes(`*${name.slice(name.indexOf('.'))}`) ? WILDCARD : undefined
}

/** Whether a route names this host, itself or with a wildcard. */
export const namesHost = ({ config: { hosts } }: DocumentedRoute, name: string): boolean =>
  hosts !== undefined && hostRank(hosts, name) !== undefined

/**
 * The operations that clients reach on a host. As in routing, a route that names the host wins over one for every host:
 * an operation that another route or a pass-through shadows is left out.
 * @param routes  operations
 * @param passed  routes that pass everything below a prefix through, as `passedOn` has them
 */
export function reachedOn(
  routes: readonly Documented[],
  passed: readonly DocumentedRoute[],
  name: string,
): Documented[] {
  const taken = new Map<string, number>()
  for (const [route] of routes) {
    const own = hostRank(route.config.hosts, name)
    // a route with a condition on headers shadows only some requests
    if (own === undefined || route.constraints?.headers !== undefined) continue
    for (const key of placesOf(route)) taken.set(key, Math.min(own, taken.get(key) ?? own))
  }
  const prefixes = passed.flatMap((route) => {
    const own = hostRank(route.config.hosts, name)
    return own === undefined ? [] : [{ prefix: passedPrefix(route), own }]
  })
  return routes.flatMap(([route, shared]): Documented[] => {
    const own = hostRank(route.config.hosts, name)
    if (own === undefined || prefixes.some((pass) => pass.own < own && isBelow(patternOf(route), pass.prefix))) {
      return []
    }
    const places = placesOf(route)
    const methods = [route.method].flat().filter((_, i) => (taken.get(places[i]!) ?? own) >= own)
    return methods.length === 0 ? [] : [[{ ...route, method: methods }, shared]]
  })
}

/** The pass-throughs that clients reach on a host; one that another shadows completely is left out. */
export function passedOn(passed: readonly DocumentedRoute[], name: string): DocumentedRoute[] {
  const ranked = passed.flatMap((route) => {
    const own = hostRank(route.config.hosts, name)
    return own === undefined ? [] : [{ route, prefix: passedPrefix(route), own }]
  })
  return ranked
    .filter(({ prefix, own }) => !ranked.some((other) => other.own < own && isBelow(prefix, other.prefix)))
    .map(({ route }) => route)
}

const isBelow = (path: string, prefix: string): boolean =>
  prefix === '' || path === prefix || path.startsWith(`${prefix}/`)

function placesOf(route: DocumentedRoute): string[] {
  const { shape } = documentPath(patternOf(route))
  return [route.method].flat().map((method) => `${method} ${shape}`)
}
