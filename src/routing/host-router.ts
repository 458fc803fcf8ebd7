import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import createRouter, { type HTTPMethod, type Instance } from 'find-my-way'
import { isPreflight, notePreflight, PREFLIGHT_PATH, type CorsPolicy } from '../browser/cors-policy.ts'
import type { ErrorCode } from '../errors.ts'
import { refusalOf, refuse, asksWholeServer, messageRefusal, originForm } from '../listener/refusal.ts'
import { AS_IS, hideTarget, isAsIs, isSendable, routerTarget } from '../proxy/upstream-path.ts'
import { canonicalTarget } from '../listener/canonical-path.ts'
import { ContractGuard } from './contract-guard.ts'
import { ROUTER_OPTIONS, type HeaderMatch } from './header-match.ts'
import { separatedPath } from './loose-path.ts'
import type { RouteTable } from './route-table.ts'

/** The internal path of requests that are refused before routing. */
export const REFUSED_PATH = '/.refused'
const GROUP = '/.host-'
/** A path with an empty segment. */
const EMPTY_SEGMENT = /^[^?]*\/(?:[/?]|$)/
const SEMICOLON = /;|%3B/
const VALID_HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/
const REMEMBERED_HOSTS = 1000

interface HostGroup {
  prefix: string
  /** Whether its upstream gets paths as received (`paths: 'as-is'`). */
  isAsIs: boolean
  router: Instance<any>
}

/**
 * Decides by `Host` which routes a request may reach, and gives its target the one canonical form.
 *
 * Routes of an upstream with `hosts` are registered under an internal prefix, one for each set of hosts. A request for
 * one of these hosts gets the prefix when the group has a matching route; otherwise it reaches the routes for all
 * hosts. (The router's own host constraint allows only 31 hosts that share a path.)
 */
export class HostRouter {
  readonly #table: RouteTable
  /** Checks which routes a service may read a request as. */
  readonly guard = new ContractGuard((host) => this.#groupsOf(host)?.map(({ prefix }) => prefix) ?? [])
  readonly #groups = new Map<string, HostGroup>()
  readonly #exact = new Map<string, HostGroup[]>()
  readonly #wildcard = new Map<string, HostGroup[]>()
  /** The groups of each `Host` header; null for an invalid one. Bounded, since clients choose the keys. */
  readonly #remembered = new Map<string, HostGroup[] | null>()
  /** The last `Host` and its groups: comparing is cheaper than hashing, and most gateways have one host. */
  #lastHost: string | null = null
  #lastGroups: HostGroup[] | null = null

  /** @param table  every route of the gateway */
  constructor(table: RouteTable) {
    this.#table = table
  }

  /**
   * The internal prefix for routes on these hosts; `''` without hosts.
   * @param isAsIs  whether the upstream gets paths as received; it is then the only one on its hosts
   */
  prefixOf(hosts: readonly string[] | undefined, isAsIs = false): string {
    if (!hosts) return ''
    const key = [...hosts].sort().join(' ')
    let group = this.#groups.get(key)
    if (!group) {
      group = {
        prefix: `${isAsIs ? AS_IS : GROUP}${this.#groups.size}`,
        isAsIs,
        router: createRouter(ROUTER_OPTIONS as any),
      }
      this.#groups.set(key, group)
      for (const host of hosts) {
        const [map, name] = host.startsWith('*.')
          ? ([this.#wildcard, host.slice(1)] as const)
          : ([this.#exact, host] as const)
        map.set(name, [...(map.get(name) ?? []), group])
      }
    }
    return group.prefix
  }

  /** Adds a route to a host group. @param path  the public pattern */
  add(hosts: readonly string[], method: string, path: string, match?: HeaderMatch): void {
    this.prefixOf(hosts)
    const { router } = this.#groups.get([...hosts].sort().join(' '))!
    router.on(method as HTTPMethod, path, match ? ({ constraints: { headers: match } } as any) : {}, () => {})
  }

  /** The internal target of a request, for the application's `rewriteUrl`. */
  rewrite(request: IncomingMessage): string {
    const refusal = refusalOf(request) ?? messageRefusal(request)
    const reading = refusal ?? this.#special(request) ?? this.read(request.url!, request.method!, request.headers)
    if (isTarget(reading)) return isAsIs(reading) ? hideTarget(request, reading) : reading
    refuse(request, reading)
    return REFUSED_PATH
  }

  /** The internal path of an OPTIONS request that the gateway answers itself; undefined for other requests. */
  #special(request: IncomingMessage): `/${string}` | ErrorCode | undefined {
    if (request.method !== 'OPTIONS') return undefined
    if (!asksWholeServer(request.method, request.url!)) return this.#preflight(request)
    const { host = '' } = request.headers
    return originForm(request.url!, host) === null || this.#groupsOf(host) === null ? 'GW_BAD_HOST' : REFUSED_PATH
  }

  /**
   * The internal path that answers a CORS preflight; undefined for other requests, and when the requested route has no
   * `cors`.
   */
  #preflight(request: IncomingMessage): `/${string}` | undefined {
    if (!isPreflight(request)) return undefined
    const { url, headers } = request
    const method = headers['access-control-request-method']!
    const internal = this.read(url!, method, headers)
    const config = isTarget(internal)
      ? this.#table.find(method, routerPath(internal), headers)?.row.options.config
      : undefined
    if (config?.corsPolicy === undefined) return undefined
    notePreflight(request, config as typeof config & { corsPolicy: CorsPolicy })
    return `${PREFLIGHT_PATH}/x`
  }

  /**
   * @param target  as received, in origin-form or absolute-form
   * @returns the internal target, or the error code of the refusal
   */
  read(target: string, method: string, headers: IncomingHttpHeaders): `/${string}` | ErrorCode {
    const host = headers.host ?? (headers[':authority'] as string) ?? ''
    const origin = originForm(target, host)
    if (origin === null) return 'GW_BAD_HOST'
    const groups = this.#groupsOf(host)
    const unread = unreadGroup(groups)
    if (unread !== undefined) return unreadTarget(unread, origin, method)
    const canonical = this.#canonical(origin, groups)
    return isTarget(canonical) ? this.#route(canonical, groups!, method, headers, hasSeparator(canonical)) : canonical
  }

  /**
   * @param origin  target in origin-form @param groups  the groups of its host @returns the canonical target, or the
   *   error code of the refusal
   */
  #canonical(origin: string, groups: readonly HostGroup[] | null): `/${string}` | ErrorCode {
    const canonical = canonicalTarget(origin, this.#table.hasMatrix)
    if (canonical === null || canonical.startsWith(GROUP) || canonical.startsWith(PREFLIGHT_PATH)) return 'GW_BAD_PATH'
    return groups === null ? 'GW_BAD_HOST' : (canonical as `/${string}`)
  }

  /** The internal target of a canonical target. @param separated  whether it has an encoded separator */
  #route(
    canonical: string,
    groups: readonly HostGroup[],
    method: string,
    headers: IncomingHttpHeaders,
    separated: boolean,
  ): `/${string}` | ErrorCode {
    const internal = internalTarget(groups, canonical, method, headers)
    if (this.#table.hasMatrix && !this.#hasSoundSemicolons(internal, method, headers)) return 'GW_BAD_PATH'
    if (EMPTY_SEGMENT.test(canonical) && this.#leavesEmpty(internal, method, headers)) return 'GW_NOT_FOUND'
    if (separated && this.#hidesSeparator(internal, method, headers)) return 'GW_BAD_PATH'
    return internal as `/${string}`
  }

  /**
   * The methods that have a route at a path. Clients can send long paths, so the work that does not depend on the
   * method is done once, and methods are tried one by one only when some route matches the path.
   * @param target  as received
   */
  methodsAt(target: string, headers: IncomingHttpHeaders): string[] {
    const host = headers.host ?? (headers[':authority'] as string) ?? ''
    const origin = originForm(target, host)
    if (origin === null) return []
    const groups = this.#groupsOf(host)
    const unread = unreadGroup(groups)
    if (unread !== undefined) {
      return this.#table.methodsServed((method) => pathIfTarget(unreadTarget(unread, origin, method)), headers)
    }
    const canonical = this.#canonical(origin, groups)
    if (!isTarget(canonical) || groups === null) return []
    const path = pathOf(canonical)
    if (!this.#table.hasPath(path) && !groups.some(({ prefix }) => this.#table.hasPath(prefix + path))) return []
    const separated = hasSeparator(canonical)
    return this.#table.methodsServed(
      (method) => pathIfTarget(this.#route(canonical, groups, method, headers, separated)),
      headers,
    )
  }

  /**
   * An encoded separator is data to the gateway, but a separator to backends that decode before they route. It must not
   * let a request bypass the requirements of the route that such a backend would choose.
   */
  #hidesSeparator(internal: string, method: string, headers: IncomingHttpHeaders): boolean {
    const found = this.#table.find(method, pathOf(internal), headers)
    return found !== null && this.guard.hidesSeparator(found.row.options, method, internal, headers)
  }

  /**
   * A semicolon may only begin a declared matrix parameter. Otherwise a service that removes path parameters could be
   * led past the requirements of another route.
   */
  #hasSoundSemicolons(internal: string, method: string, headers: IncomingHttpHeaders): boolean {
    const path = pathOf(internal)
    if (!SEMICOLON.test(path)) return true
    const { matrix } = this.#table.find(method, path, headers)?.row.options.config ?? {}
    if (!matrix) return !path.includes(';')
    return matrix.fits(path) && !this.#hidesSeparator(internal, method, headers)
  }

  /**
   * The router allows empty parameters, so `/orders/` would get the rules of `/orders/:id`, while backends may read it
   * as `/orders`.
   */
  #leavesEmpty(internal: string, method: string, headers: IncomingHttpHeaders): boolean {
    const { params = {} } = this.#table.find(method, pathOf(internal), headers) ?? {}
    return Object.entries(params).some(([name, value]) => value === '' && name !== '*')
  }

  #groupsOf(header: string): HostGroup[] | null {
    if (header !== this.#lastHost) {
      this.#lastGroups = this.#findGroups(header)
      this.#lastHost = header
    }
    return this.#lastGroups
  }

  #findGroups(header: string): HostGroup[] | null {
    const remembered = this.#remembered.get(header)
    if (remembered !== undefined) return remembered
    const host = header.toLowerCase()
    let groups: HostGroup[] | null = null
    if (host === '' || VALID_HOST.test(host)) {
      const name = host.replace(/:\d+$/, '').replace(/\.$/, '')
      groups = [...(this.#exact.get(name) ?? []), ...(this.#wildcard.get(name.slice(name.indexOf('.'))) ?? [])]
    }
    if (this.#remembered.size >= REMEMBERED_HOSTS) this.#remembered.clear()
    this.#remembered.set(header, groups)
    return groups
  }
}

/** Whether a result is a target and no error code; error codes begin with a letter. */
export const isTarget = (reading: `/${string}` | ErrorCode): reading is `/${string}` =>
  reading.charCodeAt(0) === 47 /* / */

/** The public target of an internal one, in canonical form where that is forwarded. */
export const publicTarget = (internal: string): string => internal.replace(/^\/\.host-(?:as-is-)?\d+(?=\/)/, '')

const pathOf = (target: string): string => target.split('?', 1)[0]!

/** Whether the path of a canonical target has an encoded separator. */
function hasSeparator(canonical: string): boolean {
  if (!canonical.includes('%')) return false
  const path = pathOf(canonical)
  return separatedPath(path) !== path
}

/** The path of an internal target, for the router. */
export const routerPath = (internal: string): string => pathOf(routerTarget(internal))

const pathIfTarget = (reading: `/${string}` | ErrorCode): string | null =>
  isTarget(reading) ? routerPath(reading) : null

/** The group with `paths: 'as-is'`, which is the only one of its hosts. @param groups  the groups of a host */
const unreadGroup = (groups: readonly HostGroup[] | null): HostGroup | undefined =>
  groups?.[0]?.isAsIs ? groups[0] : undefined

/** The internal target on a host with `paths: 'as-is'`; only forwarded methods have a route. */
function unreadTarget({ prefix, router }: HostGroup, target: string, method: string): `/${string}` | ErrorCode {
  if (!isSendable(target)) return 'GW_BAD_PATH'
  return router.find(method as HTTPMethod, '/', {} as never) === null
    ? 'GW_NOT_FOUND'
    : (`${prefix}${target}` as `/${string}`)
}

/** @param canonical  the canonical target */
function internalTarget(
  groups: readonly HostGroup[],
  canonical: string,
  method: string,
  headers: IncomingHttpHeaders,
): string {
  if (groups.length === 0) return canonical
  const path = pathOf(canonical)
  for (const group of groups) {
    if (group.router.find(method as HTTPMethod, path, { headers } as any)) return group.prefix + canonical
  }
  return canonical
}
