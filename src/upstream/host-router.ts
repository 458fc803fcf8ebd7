import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import createRouter, { type HTTPMethod, type Instance } from 'find-my-way'
import { canonicalTarget } from '../proxy/canonical-path.ts'
import { headerConstraint, type HeaderMatch } from './header-match.ts'

/** Options of every router in the gateway, so that all of them read a path alike. */
export const ROUTER_OPTIONS = { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false, maxParamLength: 4096, constraints: { headers: headerConstraint } }

/** Where a request goes that must be refused before routing; the reason is asked again there. */
export const REFUSED_PATH = '/.refused'
const GROUP = '/.host-'
const VALID_HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/
const REMEMBERED_HOSTS = 1000

interface HostGroup {
  prefix: string
  router: Instance<any>
}

/**
 * Decides by `Host` which routes a request may reach, and gives its target the one canonical form.
 *
 * Routes of an upstream with `hosts` stand in the application under an internal prefix, one for each set of hosts. A
 * request whose host belongs to a group gets that prefix when the group has a route for it, and otherwise reaches the
 * routes for every host. (A host constraint of the router would do, but ends at 31 hosts that share a path.)
 */
export class HostRouter {
  readonly #groups = new Map<string, HostGroup>()
  readonly #exact = new Map<string, HostGroup[]>()
  readonly #wildcard = new Map<string, HostGroup[]>()
  /** Host header as it came to its groups; null is not a valid host. Bounded, since clients choose the keys. */
  readonly #remembered = new Map<string, HostGroup[] | null>()

  /** Internal prefix of the routes that answer for these hosts; `''` without hosts. */
  prefixOf (hosts: readonly string[] | undefined): string {
    if (!hosts) return ''
    const key = [...hosts].sort().join(' ')
    let group = this.#groups.get(key)
    if (!group) {
      group = { prefix: `${GROUP}${this.#groups.size}`, router: createRouter(ROUTER_OPTIONS as any) }
      this.#groups.set(key, group)
      for (const host of hosts) {
        const [map, name] = host.startsWith('*.') ? [this.#wildcard, host.slice(1)] as const : [this.#exact, host] as const
        map.set(name, [...map.get(name) ?? [], group])
      }
    }
    return group.prefix
  }

  /** Makes a route of a host group known; `path` is the public pattern. */
  add (hosts: readonly string[], method: string, path: string, match?: HeaderMatch): void {
    this.prefixOf(hosts)
    const { router } = this.#groups.get([...hosts].sort().join(' '))!
    router.on(method as HTTPMethod, path, match ? { constraints: { headers: match } } as any : {}, () => {})
  }

  /** The internal target of a request, for the application's `rewriteUrl`. */
  rewrite (request: IncomingMessage): string {
    const target = originForm(request.url!, request.headers.host)
    const canonical = target === null ? null : canonicalTarget(target)
    if (canonical === null || repeatedHost(request.rawHeaders) || canonical.startsWith(GROUP)) return REFUSED_PATH
    return this.internalTarget(canonical, request.method!, request.headers)
  }

  /** @param canonical  the canonical target */
  internalTarget (canonical: string, method: string, headers: IncomingHttpHeaders): string {
    const groups = this.#groupsOf(headers.host ?? headers[':authority'] as string ?? '')
    if (groups === null) return REFUSED_PATH
    if (groups.length === 0) return canonical
    const path = canonical.split('?', 1)[0]!
    for (const group of groups) {
      if (group.router.find(method as HTTPMethod, path, { headers } as any)) return group.prefix + canonical
    }
    return canonical
  }

  #groupsOf (header: string): HostGroup[] | null {
    const remembered = this.#remembered.get(header)
    if (remembered !== undefined) return remembered
    const host = header.toLowerCase()
    let groups: HostGroup[] | null = null
    if (host === '' || VALID_HOST.test(host)) {
      const name = host.replace(/:\d+$/, '').replace(/\.$/, '')
      groups = [...this.#exact.get(name) ?? [], ...this.#wildcard.get(name.slice(name.indexOf('.'))) ?? []]
    }
    if (this.#remembered.size >= REMEMBERED_HOSTS) this.#remembered.clear()
    this.#remembered.set(header, groups)
    return groups
  }
}

/** Turns absolute-form (RFC 9112, section 3.2.2) into origin-form; null when it names another host than `Host`. */
function originForm (target: string, host: string | undefined): string | null {
  if (target.charCodeAt(0) === 47 /* / */) return target
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  if (authority === undefined || authority.toLowerCase() !== host?.toLowerCase()) return null
  return rest!.startsWith('/') ? rest! : `/${rest}`
}

function repeatedHost (rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (seen) return true
      seen = true
    }
  }
  return false
}
