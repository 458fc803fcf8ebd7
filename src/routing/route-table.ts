import type { IncomingHttpHeaders } from 'node:http'
import type { RouteOptions } from 'fastify'
import createRouter, { type HTTPMethod, type Instance } from 'find-my-way'
import type { AuthDeclaration } from '../auth/auth-schema.ts'
import type { CachePolicy } from '../cache/cache-policy.ts'
import { type LimitRule, limitRules } from '../limits/limit-schema.ts'
import { ROUTER_OPTIONS, type HeaderMatch } from './header-match.ts'

/** One route for display: a row of `gatehouse routes`, and searched by `gatehouse explain`. */
export interface RouteRow {
  method: string
  hosts: readonly string[]
  path: string
  match: HeaderMatch | undefined
  upstream: string
  auth: AuthDeclaration
  limits: LimitRule[]
  cache: string
  /** The parts of the request that a schema checks. */
  schema: string[]
  /** File that declares it; empty for the gateway's own. */
  file: string
  options: RouteOptions
}

/** A route of the gateway itself. */
export interface OwnRoute {
  method: string
  path: string
  /** The configuration field with its path; undefined for a fixed path. */
  setting: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    routeTable: RouteTable
  }
}

/** Every route of the gateway. */
export class RouteTable implements Iterable<RouteRow> {
  readonly #rows: RouteRow[] = []
  /** With their URLs as added; the plugins that add them may still change their methods. */
  readonly #own: { url: string; route: RouteOptions; setting: string | undefined }[] = []
  #router: Instance<any> | null = null
  #ownRouter: Instance<any> | null = null
  /** Every path, for any method and conditions. */
  #paths: Instance<any> | null = null
  #hasMatrix = false

  /** Whether some route has a matrix parameter, so that `;` is allowed in a path. */
  get hasMatrix(): boolean {
    return this.#hasMatrix
  }
  get rows(): readonly RouteRow[] {
    return this.#rows
  }
  /** The gateway's own routes that clients can reach. */
  get ownRoutes(): readonly OwnRoute[] {
    return this.#own.flatMap(({ url, route, setting }) => ownRoutesOf(url, route, setting))
  }
  /** Every method that some route has; GET answers HEAD. */
  get methods(): string[] {
    return [...new Set(this.#rows.flatMap(({ method }) => (method === 'GET' ? [method, 'HEAD'] : [method])))]
  }
  [Symbol.iterator](): Iterator<RouteRow> {
    return this.#rows[Symbol.iterator]()
  }

  /**
   * Records a route of the gateway itself.
   * @param setting  the configuration field with its path
   */
  addOwn(route: RouteOptions, setting: string | undefined): void {
    this.#own.push({ url: route.url, route, setting })
  }

  /**
   * Finds the route of a request with the router and the options that the application itself uses.
   * @param path  canonical path under its host group
   */
  find(
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
  ): { row: RouteRow; params: Record<string, string | undefined> } | null {
    // built on first use; most gateways never need it
    this.#router ??= routerOf(this.#rows)
    const find = (name: string) =>
      this.#router!.find(name as HTTPMethod, path, { headers } as object) as {
        store: RouteRow
        params: Record<string, string | undefined>
      } | null
    // GET answers HEAD
    const match = find(method) ?? (method === 'HEAD' ? find('GET') : null)
    return match && { row: match.store, params: match.params }
  }

  /**
   * The methods that are answered at a path.
   * @param internalPath  canonical path under its host group, for a method; null when such a request is refused
   */
  methodsServed(internalPath: (method: string) => string | null, headers: IncomingHttpHeaders): string[] {
    const { ownRoutes } = this
    this.#ownRouter ??= routerOfOwn(ownRoutes)
    const methods = new Set([...this.methods, ...ownRoutes.map(({ method }) => method)])
    return [...methods].filter((method) => {
      const path = internalPath(method)
      return (
        path !== null &&
        (this.#serves(method, path, headers) || this.#ownRouter!.find(method as HTTPMethod, path) !== null)
      )
    })
  }

  /**
   * Whether some route matches a path, for any method and conditions. @param path  canonical path, with or without the
   * prefix of a host group
   */
  hasPath(path: string): boolean {
    this.#paths ??= routerOfPaths([
      ...this.#rows.map(({ options }) => options.url),
      ...this.ownRoutes.map((route) => route.path),
    ])
    return this.#paths.find('GET', path) !== null
  }

  /** A declared GET has a HEAD route too; a hand-written one has none. */
  #serves(method: string, path: string, headers: IncomingHttpHeaders): boolean {
    const { row } = this.find(method, path, headers) ?? {}
    return row !== undefined && (row.method === method || row.upstream !== '')
  }

  /** Adds a registered route, except hidden ones such as the HEAD of a GET. */
  add(route: RouteOptions, file: string): void {
    const { config = {}, schema = {}, method } = route
    this.#router = null
    this.#paths = null
    this.#hasMatrix ||= Boolean(config.matrix)
    for (const name of [method].flat()) {
      this.#rows.push({
        method: name,
        hosts: config.hosts ?? [],
        path: config.publicUrl ?? route.url,
        match: (route.constraints as { headers?: HeaderMatch } | undefined)?.headers,
        upstream: config.upstream ?? '',
        auth: config.auth ?? 'none',
        limits: config.limits ?? (config.limit ? limitRules(`route:${name} ${route.url}`, config.limit) : []),
        cache: cacheText(config.plan?.cache?.policy ?? null),
        schema: [
          ...['params', 'querystring', 'headers', 'body'].filter((part) => (schema as Record<string, unknown>)[part]),
          ...(config.api && config.requestValidation !== 'off'
            ? [`document${config.requestValidation === 'report' ? ' (report)' : ''}`]
            : []),
          ...(config.responses || (config.api && config.plan?.responseCheck) ? ['response'] : []),
        ],
        file,
        options: route,
      })
    }
  }
}

const cacheText = (policy: CachePolicy | null): string => (policy === null ? '-' : [...policy.methods].join(','))

/** Internal paths that clients cannot reach. */
const INTERNAL = /^\/\.(?:refused|preflight)/

/** Fastify registers a route at `/` of a prefix a second time, with a slash at its end. */
function ownRoutesOf(url: string, route: RouteOptions, setting: string | undefined): OwnRoute[] {
  if (INTERNAL.test(url)) return []
  const { method } = route
  return [...new Set([url, route.url])].flatMap((path) =>
    [method].flat().map((name) => ({ method: name, path, setting })),
  )
}

function routerOfOwn(routes: readonly OwnRoute[]): Instance<any> {
  const router = createRouter(ROUTER_OPTIONS as object)
  for (const { method, path } of routes) router.on(method as HTTPMethod, path, () => {})
  return router
}

function routerOf(rows: readonly RouteRow[]): Instance<any> {
  const router = createRouter(ROUTER_OPTIONS as object)
  for (const row of rows) {
    router.on(row.method as HTTPMethod, row.options.url, { constraints: row.options.constraints ?? {} }, () => {}, row)
  }
  return router
}

const OPTIONAL = /(\/:[^/()]*?)\?(\/?)$/

/**
 * A router with one method, since it only answers whether a path exists. It may find too much, but never too little: it
 * also matches parameters that are too long.
 */
function routerOfPaths(patterns: readonly string[]): Instance<any> {
  const router = createRouter({ ...ROUTER_OPTIONS, constraints: {}, maxParamLength: Number.MAX_SAFE_INTEGER } as object)
  // an optional parameter means two patterns, and another route may have one of them
  const all = patterns.flatMap((pattern) => [pattern.replace(OPTIONAL, '$1$2'), pattern.replace(OPTIONAL, '$2') || '/'])
  for (const pattern of all) if (!router.hasRoute('GET', pattern)) router.on('GET', pattern, () => {})
  return router
}
