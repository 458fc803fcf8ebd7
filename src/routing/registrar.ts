import type { FastifyContextConfig, FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import type { Config } from '../config/config-schema.ts'
import { withoutExit } from '../config/load-guard.ts'
import { checkAgainst } from '../config/schema-check.ts'
import { BootProblems, type Problem } from '../errors.ts'
import { LimitDeclaration, limitRules } from '../limits/limit-schema.ts'
import { Mirror } from '../proxy/mirror.ts'
import type { ForwardedHeaders } from '../proxy/forwarded-headers.ts'
import type { DriftRegistry } from '../openapi/drift/drift-record.ts'
import type { ResponseCache } from '../proxy/cached/response-cache.ts'
import { bytes } from '../units.ts'
import type { ApiRegistry } from './api-registry.ts'
import { BodyScopes } from './body-scopes.ts'
import { NO_AUTH } from './declaration-check.ts'
import type { UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { type DeclaredRoute, declaredRoutes, prefixOf } from './declared-routes.ts'
import { watchedPlugin } from './define-upstream.ts'
import type { HostRouter } from './host-router.ts'
import type { ImportedApi } from './imported-routes.ts'
import { LateChanges } from './late-changes.ts'
import { preparePluginScope } from './plugin-scope.ts'
import { RouteConflicts } from './route-conflicts.ts'
import type { RouteFile } from './route-files.ts'
import { headerMatch, routeOptions } from './route-options.ts'
import { routePlan, checkedHeaders, responseCheck } from './route-plan.ts'
import type { RouteTable } from './route-table.ts'
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts'
import { registerUndeclared } from './undeclared-paths.ts'
import { shadowParts, upstreamParts } from './upstream-parts.ts'
import type { CredentialRemoval } from './credential-removal.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The file of `routes/` whose scope this is. */
    routeFile?: string
    /** Plugins that are registered in the scope of each declared upstream, before its routes. */
    upstreamPlugins: FastifyPluginAsync[]
    /** Differences between traffic and API documents; absent when nothing can show them. */
    drift?: DriftRegistry
  }
}

/** The parts of the gateway that registration needs. */
export interface RegistrarParts {
  config: Config
  hosts: HostRouter
  table: RouteTable
  upstreams: UpstreamRegistry
  apis: ApiRegistry
  forwarded: ForwardedHeaders
  responses: ResponseCache
  withheld: CredentialRemoval
}

/** Turns declarations and hand-written plugins into Fastify routes, and collects their problems. */
export class Registrar {
  readonly problems: Problem[] = []
  readonly #parts: RegistrarParts
  readonly #conflicts: RouteConflicts
  readonly late = new LateChanges()

  constructor(parts: RegistrarParts) {
    this.#parts = parts
    this.#conflicts = new RouteConflicts(parts, this.problems)
  }

  /** The plugin that registers one file of `routes/` in a scope of its own. */
  plugin(routeFile: RouteFile): FastifyPluginAsync {
    return async (scope) => {
      scope.decorate('routeFile', routeFile.file)
      if ('declaration' in routeFile) {
        for (const plugin of scope.upstreamPlugins) await plugin(scope, {})
        try {
          this.declare(scope, routeFile.declaration, routeFile.file, routeFile.api)
        } catch (error) {
          this.#note(error as Error, routeFile.file)
        }
        return
      }
      if ('valid' in routeFile) {
        this.#conflicts.claimValid(routeFile.valid, routeFile.file)
        return
      }
      const { file } = routeFile
      preparePluginScope(
        scope,
        bytes(this.#parts.config.bodyLimit),
        (route, name) => this.#inherit(route, name, file),
        (route) => this.late.note(route, file),
        (route) => this.#parts.hosts.guard.add(route, file, true),
      )
      try {
        const plugin = watchedPlugin(routeFile.plugin, () =>
          this.problems.push({ file, field: 'default export', message: RETURNS_DECLARATION }),
        )
        await withoutExit(async () => {
          await scope.register(plugin)
        })
      } catch (error) {
        this.#note(error as Error, routeFile.file)
      }
    }
  }

  /**
   * Fills in what the routes of files inherit, and notes every route. To be called before `preparePhases`, since
   * `onRoute` hooks run in the order of their registration and plugins read what a route has inherited.
   */
  watchRoutes(app: FastifyInstance): void {
    app.decorate('upstreamPlugins', [])
    const { withheld } = this.#parts
    app.addHook('onRoute', (route) => withheld.watch(route))
    app.addHook('onReady', async () => withheld.ready(app.authSchemes))
    const watch = (route: RouteOptions, file: string): void => this.#watch(route, file)
    const claim = (route: RouteOptions): void => this.#conflicts.claimOwn(route)
    app.addHook('onRoute', function (route) {
      if (this.routeFile !== undefined) watch(route, this.routeFile)
      else claim(route)
    })
  }

  /** To be called once every route is registered; from now on there may be no others. */
  endRoutes(): void {
    this.late.end()
    this.#parts.hosts.guard.complete()
  }

  /** Checks the routes after all plugins are loaded. */
  finish(): void {
    this.problems.push(...this.late.problems())
  }

  /**
   * Registers every route of a checked declaration.
   * @param api  the routes of its API document
   */
  declare(scope: FastifyInstance, declaration: UpstreamDeclaration, file: string, api?: ImportedApi): void {
    const { config, hosts, upstreams } = this.#parts
    if (!this.#conflicts.claimName(declaration.name, file)) return
    this.#conflicts.claimHosts(declaration, file)
    if (api !== undefined) this.#parts.apis.add(api)
    if (api !== undefined) scope.drift?.watch(declaration.name, api.document, prefixOf(declaration), declaration.hosts)
    const context = { config, file, log: scope.log }
    const routes = declaredRoutes(declaration, config, api)
    const parts = {
      ...this.#parts,
      declaration,
      upstream: upstreams.add(declaration.name, upstreamParts(declaration, context), file),
      mirror: declaration.mirror
        ? new Mirror(
            upstreams.add(`${declaration.name}~mirror`, shadowParts(declaration, context), file),
            declaration.mirror,
          )
        : null,
      hostPrefix: hosts.prefixOf(declaration.hosts, declaration.paths === 'as-is'),
      storesSome: [declaration, ...routes.map((route) => route.declaration)].some(
        ({ cache = false }) => cache !== false,
      ),
    }
    const scopes = new BodyScopes()
    for (const route of routes) {
      const plan = routePlan(
        parts,
        route.declaration,
        parts.hostPrefix + route.path,
        route.declaration.websocket ?? false,
        route.auth === 'none',
        responseCheck(scope, route, declaration),
        checkedHeaders(route),
      )
      for (const method of methodsOf(route, routes)) {
        const match = headerMatch(route.declaration)
        const problem = this.#conflicts.claim(
          { method, path: route.path, hosts: declaration.hosts, match },
          file,
          route.field,
        )
        if (problem) {
          // the HEAD of a GET collides for the same reason
          if (route.methods.includes(method)) this.problems.push(problem)
          continue
        }
        if (declaration.hosts) hosts.add(declaration.hosts, method, route.path, match)
        scopes.add(routeOptions(declaration, route, method, parts.hostPrefix, plan, config))
      }
    }
    const passesThrough =
      declaration.passThrough && this.#conflicts.claimPassThrough(declaration, file, parts.hostPrefix)
    scopes.register(
      scope,
      bytes(config.bodyLimit),
      (child, options) => this.#route(child, options, file),
      async (child) => {
        if (passesThrough) await registerUndeclared(child, { ...parts, claims: this.#conflicts })
      },
    )
  }

  /** Registers a route. Its mistakes are collected, so that the other routes are checked too. */
  #route(scope: FastifyInstance, options: RouteOptions, file: string): void {
    try {
      scope.route(options)
    } catch (error) {
      this.#note(error as Error, file, options.config?.upstream)
    }
  }

  /** Called with every route of a file before it is registered. */
  #watch(route: RouteOptions, file: string): void {
    const { table, hosts } = this.#parts
    this.late.begin(route, file)
    // a pass-through has several methods; declared routes have one each
    if (route.config?.upstream !== undefined && Array.isArray(route.method)) {
      route.method = this.#conflicts.passedThrough(route.url, route.method)
    }
    const config = this.#inherit(route, `${[route.method].flat().join(',')} ${route.url}`, file)
    // the routes of a declaration were recorded before, under the name of their field
    if (config.upstream === undefined) {
      const match = (route.constraints as { headers?: Record<string, string> } | undefined)?.headers
      for (const method of [route.method].flat()) {
        const problem = this.#conflicts.claim({ method, path: route.url, match }, file, `${method} ${route.url}`)
        if (problem) this.problems.push(problem)
      }
    }
    hosts.guard.add(route, file)
    if (!(route.method === 'HEAD' && (route.schema as { hide?: boolean } | undefined)?.hide)) table.add(route, file)
  }

  /**
   * Adds what a route inherits from the gateway.
   * @param name  the route's name in messages
   */
  #inherit(route: RouteOptions, name: string, file: string): FastifyContextConfig {
    // a copy, since several routes may share one object
    const config = (route.config = { ...route.config })
    config.publicUrl ??= config.hostPrefix ? route.url.slice(config.hostPrefix.length) || '/' : route.url
    config.auth ??= this.#parts.config.auth
    config.cors ??= this.#parts.config.cors
    config.csrf ??= this.#parts.config.csrf
    config.securityHeaders ??= this.#parts.config.securityHeaders
    config.compress ??= this.#parts.config.compress
    this.#inheritLimits(config, `${[route.method].flat().join(',')} ${config.publicUrl}`, file)
    if (config.auth === undefined) this.problems.push({ file, field: `${name}: config.auth`, message: NO_AUTH })
    return config
  }

  /** The gateway's limits apply to hand-written routes too. */
  #inheritLimits(config: FastifyContextConfig, route: string, file: string): void {
    if (config.limits !== undefined || config.limit === false) return
    if (config.limit !== undefined) {
      const problems = checkAgainst(LimitDeclaration, config.limit, file)
      if (problems.length > 0) {
        this.problems.push(
          ...problems.map((problem) => ({
            ...problem,
            field: `${route}: config.limit${problem.field ? `.${problem.field}` : ''}`,
          })),
        )
        config.limit = undefined
      }
    }
    const { rateLimit } = this.#parts.config
    config.limits = [
      ...(rateLimit ? limitRules('gateway', rateLimit) : []),
      ...(config.limit ? limitRules(`route:${route}`, config.limit) : []),
    ]
  }

  #note(error: Error & { code?: string }, file: string, upstream?: string): void {
    const { code } = error
    if (error instanceof BootProblems) {
      // phases only know the upstream
      this.problems.push(
        ...error.problems.map((problem) => (problem.file === upstream ? { ...problem, file } : problem)),
      )
    } else if (code === 'AVV_ERR_PLUGIN_EXEC_TIMEOUT' || code === 'FST_ERR_PLUGIN_TIMEOUT') {
      this.problems.push({
        file,
        field: '',
        message: 'the plugin is not done within 10 s: it waits too long, or for something that never comes',
      })
    } else if (code !== 'FST_ERR_DUPLICATED_ROUTE' || !this.problems.some((problem) => problem.file === file)) {
      // what the router says of routes that collide has been told with both files
      this.problems.push({ file, field: '', message: error.message })
    }
  }
}

const RETURNS_DECLARATION =
  'is a function that returns a declaration, which registers nothing: export the declaration itself, as in "export default defineUpstream({ ... })"'

/** GET also answers HEAD, unless another route of the upstream does. */
function methodsOf({ methods, path }: DeclaredRoute, routes: readonly DeclaredRoute[]): string[] {
  if (!methods.includes('GET') || methods.includes('HEAD')) return methods
  return routes.some((other) => other.path === path && other.methods.includes('HEAD')) ? methods : [...methods, 'HEAD']
}
