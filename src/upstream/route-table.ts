import type { IncomingHttpHeaders } from 'node:http'
import type { RouteOptions } from 'fastify'
import createRouter, { type HTTPMethod, type Instance } from 'find-my-way'
import type { AuthDeclaration } from '../auth/auth-schema.ts'
import type { LimitRule } from '../limits/limit-schema.ts'
import type { Problem } from '../errors.ts'
import { limitRule } from './declared-routes.ts'
import type { HeaderMatch } from './header-match.ts'
import { ROUTER_OPTIONS } from './router-options.ts'
import { parsePattern } from './path-pattern.ts'

/** One route as people see it: the rows of `gatehouse routes` and what `gatehouse explain` searches. */
export interface RouteRow {
  method: string
  hosts: readonly string[]
  path: string
  match: HeaderMatch | undefined
  upstream: string
  auth: AuthDeclaration
  limits: LimitRule[]
  cache: string
  /** Parts of the message that a schema checks. */
  schema: string[]
  /** File that declares it; empty for the gateway's own. */
  file: string
  options: RouteOptions
}

declare module 'fastify' {
  interface FastifyInstance {
    routeTable: RouteTable
  }
}

/** Every route of the gateway, and the watch over routes that would collide. */
export class RouteTable implements Iterable<RouteRow> {
  readonly #rows: RouteRow[] = []
  readonly #owners = new Map<string, string>()
  #router: Instance<any> | null = null

  get rows (): readonly RouteRow[] { return this.#rows }
  [Symbol.iterator] (): Iterator<RouteRow> { return this.#rows[Symbol.iterator]() }

  /**
   * Notes a route before it is registered.
   * @returns a problem that names both files when another route has the same method, host, path and conditions
   */
  claim (route: { method: string, path: string, hosts?: readonly string[], match?: HeaderMatch }, file: string, field: string): Problem | null {
    const pattern = parsePattern(route.path)
    const shape = typeof pattern === 'string' ? route.path : pattern.shape
    const conditions = Object.entries(route.match ?? {}).sort().join(' ')
    for (const host of route.hosts ?? ['*']) {
      const key = [route.method, host, shape, conditions].join('\n')
      const owner = this.#owners.get(key)
      if (owner !== undefined) {
        const where = host === '*' ? '' : ` on host ${host}`
        return { file, field, message: `${route.method} ${route.path}${where} is declared in ${owner === file ? 'this file already' : `${owner} too`}: change one of them` }
      }
      this.#owners.set(key, file)
    }
    return null
  }

  /**
   * Finds the route of a request with the router and the options that the application itself uses.
   * @param path  canonical path under its host group
   */
  find (method: string, path: string, headers: IncomingHttpHeaders): { row: RouteRow, params: Record<string, string | undefined> } | null {
    // made when it is needed first, which for most gateways is never
    this.#router ??= routerOf(this.#rows)
    const find = (name: string) => this.#router!.find(name as HTTPMethod, path, { headers } as object) as { store: RouteRow, params: Record<string, string | undefined> } | null
    // GET answers HEAD
    const match = find(method) ?? (method === 'HEAD' ? find('GET') : null)
    return match && { row: match.store, params: match.params }
  }

  /** Adds a registered route; those hidden beside another, such as HEAD beside GET, are left out. */
  add (route: RouteOptions, file: string): void {
    const { config = {}, schema = {}, method } = route
    for (const name of [method].flat()) {
      this.#rows.push({
        method: name,
        hosts: config.hosts ?? [],
        path: config.publicUrl ?? route.url,
        match: (route.constraints as { headers?: HeaderMatch } | undefined)?.headers,
        upstream: config.upstream ?? '',
        auth: config.auth ?? 'none',
        limits: config.limits ?? (config.limit ? [limitRule(`route:${name} ${route.url}`, config.limit)] : []),
        cache: '-',
        schema: [...['params', 'querystring', 'headers', 'body'].filter((part) => (schema as Record<string, unknown>)[part]), ...config.responses ? ['response'] : []],
        file,
        options: route,
      })
    }
  }
}

function routerOf (rows: readonly RouteRow[]): Instance<any> {
  const router = createRouter(ROUTER_OPTIONS as object)
  for (const row of rows) router.on(row.method as HTTPMethod, row.options.url, { constraints: row.options.constraints ?? {} }, () => {}, row)
  return router
}
