import type { RouteOptions } from 'fastify'
import { authForm, type AuthDeclaration } from '../auth/auth-schema.ts'
import type { Config } from '../config/config-schema.ts'
import type { Problem } from '../errors.ts'
import { FORWARDED_METHODS, type UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts'
import { prefixOf, routePath } from './declared-routes.ts'
import type { HeaderMatch } from './header-match.ts'
import { parsePattern } from './path-pattern.ts'
import { headerMatch } from './route-options.ts'
import type { RouteTable } from './route-table.ts'
import type { ValidPart } from './valid-part.ts'

/** Source of a route: a file, or the gateway itself with the setting that names its path. */
type Owner = { file: string } | { setting: string | undefined }

/** The address of a route. */
export interface RouteAddress {
  method: string
  path: string
  hosts?: readonly string[]
  match?: HeaderMatch
}

/**
 * Finds upstreams and routes with the same name or address before they are registered. The router's own error names no
 * file.
 */
export class RouteConflicts {
  readonly #parts: { config: Config; table: RouteTable; upstreams: UpstreamRegistry }
  readonly #problems: Problem[]
  /** The owner of each method, host, path and conditions. */
  readonly #owners = new Map<string, Owner>()
  /** The methods of each pass-through that are not declared by routes of its file, by internal pattern. */
  readonly #left = new Map<string, Set<string>>()
  readonly #hosted: { hosts: readonly string[]; isAsIs: boolean; file: string }[] = []

  /** @param problems  conflicts are added to it */
  constructor(parts: { config: Config; table: RouteTable; upstreams: UpstreamRegistry }, problems: Problem[]) {
    this.#parts = parts
    this.#problems = problems
  }

  /** Records a route of the gateway itself; all of these come before those of the files. */
  claimOwn(route: RouteOptions): void {
    const { url } = route
    const {
      docs,
      metrics,
      status,
      welcome,
      login,
      cache: { purge },
    } = this.#parts.config
    let setting: string | undefined
    if (metrics && url === metrics.path) setting = 'metrics.path'
    else if (status && (url === status.path || url.startsWith(`${status.path}/`))) setting = 'status.path'
    else if (purge && url === purge.path) setting = 'cache.purge.path'
    else if (welcome && url === welcome.path) setting = 'welcome.path'
    else if (docs && (url === docs.path || url.startsWith(`${docs.path}/`))) setting = 'docs.path'
    else if (login && url === login.callbackPath) setting = 'login.callbackPath'
    else if (login && url === login.logoutPath) setting = 'login.logoutPath'
    for (const method of [route.method].flat()) {
      for (const [, key] of keysOf({ method, path: url })) this.#owners.set(key, { setting })
    }
    this.#parts.table.addOwn(route, setting)
  }

  /**
   * Records a route before it is registered.
   * @returns a problem that names both files when another route has the same method, host, path and conditions
   */
  claim(route: RouteAddress, file: string, field: string): Problem | null {
    for (const [host, key] of keysOf(route)) {
      const owner = this.#owners.get(key)
      if (owner !== undefined) return { file, field, message: collision(route, host, owner, file) }
      this.#owners.set(key, { file })
    }
    return null
  }

  /** Reports the conflicts of a declaration that has other mistakes. */
  claimValid({ name, routes, hosts, placeKnown, paths, ...valid }: ValidPart, file: string): void {
    if (name !== undefined) this.claimName(name, file)
    if (!placeKnown) return
    this.claimHosts({ hosts, paths, auth: valid.auth, passThrough: valid.passThrough }, file)
    for (const [i, route] of routes.entries()) {
      if (route === undefined) continue
      for (const method of [route.method].flat()) {
        const problem = this.claim(
          { method, path: routePath(valid, route.url), hosts, match: headerMatch(route) },
          file,
          `routes[${i}]`,
        )
        if (problem) this.#problems.push(problem)
      }
    }
  }

  /** Whether the name is free. Reports a problem if not. */
  claimName(name: string, file: string): boolean {
    const owner = this.#parts.upstreams.ownerOf(name)
    if (owner === undefined) this.#parts.upstreams.reserve(name, file)
    else {
      this.#problems.push({
        file,
        field: 'name',
        message: `found "${name}", which ${owner} uses too: change one of them`,
      })
    }
    return owner === undefined
  }

  /**
   * Records the hosts of an upstream. One with `paths: 'as-is'` must be the only upstream on its hosts, since paths do
   * not decide anything there.
   */
  claimHosts(
    { hosts, paths, auth, passThrough }: Pick<Partial<UpstreamDeclaration>, 'hosts' | 'paths' | 'auth' | 'passThrough'>,
    file: string,
  ): void {
    if (hosts === undefined) return
    const isAsIs = paths === 'as-is'
    if (isAsIs) {
      this.#checkLogin(
        hosts,
        (typeof passThrough === 'object' ? passThrough.auth : undefined) ?? auth ?? this.#parts.config.auth,
        file,
      )
    }
    for (const other of this.#hosted) {
      if (!(isAsIs || other.isAsIs) || !shareHosts(hosts, other.hosts)) continue
      const shared = hosts.filter((host) => shareHosts([host], other.hosts)).join(', ')
      const [alone, place] = isAsIs ? ['this upstream', other.file] : [other.file, 'it']
      this.#problems.push({
        file,
        field: 'hosts',
        message: `found ${shared}, for which ${other.file} answers too, but ${alone} has paths: 'as-is' and must be alone on its hosts, wildcards included: give ${place} other hosts`,
      })
    }
    this.#hosted.push({ hosts, isAsIs, file })
  }

  /** On hosts with `paths: 'as-is'` the callback of a login would go to the service. */
  #checkLogin(hosts: readonly string[], auth: AuthDeclaration | undefined, file: string): void {
    const { login } = this.#parts.config
    if (!login || auth === undefined || !authForm(auth).uses.some(({ scheme }) => scheme === 'login')) return
    const callback = login.publicUrl === undefined ? null : URL.parse(login.publicUrl)
    if (callback !== null && !shareHosts(hosts, [callback.hostname])) return
    this.#problems.push({
      file,
      field: 'auth',
      message:
        "asks for a login, whose callback would go to the service with paths: 'as-is': set login.publicUrl in the configuration to a URL on another host, and login.cookie.domain",
    })
  }

  /** Records a pass-through: every method of its patterns that no route of the same file has. */
  claimPassThrough(declaration: UpstreamDeclaration, file: string, hostPrefix: string): boolean {
    const prefix = prefixOf(declaration)
    for (const path of [prefix || '/', `${prefix}/*`]) {
      const left = new Set<string>()
      for (const method of FORWARDED_METHODS) {
        const address = { method, path, hosts: declaration.hosts }
        const own = this.#claimant(address) === file
        const problem = own ? null : this.claim(address, file, 'passThrough')
        if (own) left.add(method)
        if (problem) {
          // for two pass-throughs the method would only confuse
          const message = method === FORWARDED_METHODS[0] ? problem.message.slice(method.length + 1) : problem.message
          this.#problems.push({ ...problem, message })
          return false
        }
      }
      this.#left.set(hostPrefix + path, left)
    }
    return true
  }

  /** The file that declares the route; undefined when it is free, or the gateway's own. */
  #claimant(route: RouteAddress): string | undefined {
    const owners = keysOf(route).map(([, key]) => this.#owners.get(key))
    const owner = owners.find((other) => other !== undefined)
    return owner && 'file' in owner ? owner.file : undefined
  }

  /** The methods that a pass-through has on an internal pattern. */
  passedThrough<Method extends string>(pattern: string, methods: readonly Method[]): Method[] {
    const left = this.#left.get(pattern)
    return methods.filter((method) => !left?.has(method))
  }
}

/** The keys of a route, one for each host, that no other route may have. */
function keysOf({ method, path, hosts, match }: RouteAddress): [host: string, key: string][] {
  const pattern = parsePattern(path)
  const shape = typeof pattern === 'string' ? path : pattern.shape
  const conditions = Object.entries(match ?? {})
    .sort()
    .join(' ')
  return (hosts ?? ['*']).map((host) => [host, [method, host, shape, conditions].join('\n')])
}

function collision({ method, path }: RouteAddress, host: string, owner: Owner, file: string): string {
  const name = `${method} ${path}${host === '*' ? '' : ` on host ${host}`}`
  if ('file' in owner) {
    return `${name} is declared in ${owner.file === file ? 'this file already' : `${owner.file} too`}: change one of them`
  }
  if (owner.setting === undefined) return `${name} is answered by the gateway itself: choose another path`
  return `${name} is answered by the gateway itself (${owner.setting} in the configuration): choose another path here or there`
}

/**
 * Whether a request can belong to both of two lists of hosts.
 * @param first, second  exact names, and `*.example.com`, which stands for one label; an empty list is every host
 */
export const shareHosts = (first: readonly string[], second: readonly string[]): boolean =>
  first.length === 0 ||
  second.length === 0 ||
  first.some((host) => second.some((other) => host === other || isUnder(host, other) || isUnder(other, host)))

const isUnder = (host: string, wildcard: string): boolean =>
  wildcard.startsWith('*.') && host.slice(host.indexOf('.')) === wildcard.slice(1)
