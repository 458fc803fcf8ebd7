import type { AuthDeclaration } from '../auth/auth-schema.ts'
import { type LimitDeclaration, type LimitRule, limitRules } from '../limits/limit-schema.ts'
import type { RouteDeclaration, UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import type { ImportedApi, ImportedRoute } from './imported-routes.ts'
import { parsePattern } from './path-pattern.ts'
import type { ApiRoute } from '../schema/types.ts'

/** Defaults of the gateway, which upstreams and routes can override. */
export interface GatewayDefaults {
  auth?: AuthDeclaration
  rateLimit?: LimitDeclaration | false
}

/** A route with all inherited settings, which the registrar turns into a Fastify route. */
export interface DeclaredRoute {
  methods: string[]
  /** Pattern as clients see it. */
  path: string
  auth: AuthDeclaration
  limits: LimitRule[]
  /** Its declaration; empty for a pass-through. */
  declaration: Partial<RouteDeclaration>
  /** Field of the upstream file, for messages. */
  field: string
  /** Its operation in the API document. */
  api?: ApiRoute
  /** Whether its operation was omitted for a fault of the document: it answers 501. */
  isOmitted?: boolean
}

/** Prefix without a slash at its end; `''` is the root. */
export const prefixOf = ({ prefix = '' }: Pick<UpstreamDeclaration, 'prefix'>): string => prefix.replace(/\/+$/, '')

/** Pattern of a declared route as clients see it. */
export function routePath(upstream: Pick<UpstreamDeclaration, 'prefix'>, url: string): string {
  const prefix = prefixOf(upstream)
  return url === '/' ? prefix || '/' : prefix + url
}

/**
 * All routes of an upstream, with those of its API document. Routes with more header conditions come later, so that
 * they win.
 */
export function declaredRoutes(
  upstream: UpstreamDeclaration,
  defaults: GatewayDefaults,
  api?: ImportedApi,
): DeclaredRoute[] {
  const imported = new Map(api?.routes.map((route) => [`${route.operation.method} ${route.shape}`, route]))
  const omitted = new Map(api?.omitted.map((route) => [`${route.method} ${route.shape}`, route]))
  const declared = (declaration: RouteDeclaration, field: string, operation?: ImportedRoute): DeclaredRoute => {
    const methods = [declaration.method].flat()
    const path = routePath(upstream, declaration.url)
    return {
      methods,
      path,
      auth: declaration.auth ?? upstream.auth ?? defaults.auth!,
      limits: inheritedLimits(
        upstream,
        declaration.rateLimit,
        [`${methods.join(',')} ${path}`, ...conditions(declaration)].join(' '),
        defaults,
        declaration.rateLimit === operation?.declaration.rateLimit,
      ),
      declaration,
      field,
      ...(operation ? { api: { document: api!.document, operation: operation.operation } } : {}),
    }
  }
  const own = (upstream.routes ?? []).flatMap((declaration, i) => {
    const field = `routes[${i}]`
    const rest: string[] = []
    const overriding: DeclaredRoute[] = []
    for (const method of [declaration.method].flat()) {
      const key =
        imported.size + omitted.size > 0 && declaration.match === undefined
          ? `${method} ${shapeOf(declaration.url)}`
          : ''
      const operation = imported.get(key)
      imported.delete(key)
      omitted.delete(key)
      if (operation === undefined) rest.push(method)
      else overriding.push(declared(overridden(operation, declaration, method), field, operation))
    }
    return rest.length > 0 ? [declared({ ...declaration, method: rest }, field), ...overriding] : overriding
  })
  const others = [...imported.values()].map((route) =>
    declared(
      route.declaration,
      `openapi: ${route.operation.method} ${route.operation.path} (${route.operation.where})`,
      route,
    ),
  )
  const refused = [...omitted.values()].map(({ method, url, where }): DeclaredRoute => {
    // an empty schema: it shows the contract guard that a pass-through does not validate like this route
    const declaration: RouteDeclaration = {
      method: method as RouteDeclaration['method'],
      url,
      schema: { querystring: { type: 'object' }, hide: true },
    }
    return {
      ...declared({ ...declaration, auth: upstream.auth ?? defaults.auth ?? 'none' }, `openapi: ${method} (${where})`),
      isOmitted: true,
    }
  })
  return [...own, ...others, ...refused]
    .flatMap(inBothSpellings)
    .sort((a, b) => conditions(a.declaration).length - conditions(b.declaration).length)
}

/**
 * The path `/` of a document means the URL of its server with a slash (`https://x/api/`), which clients also write
 * without one (`https://x/api`). Below a prefix the operation answers both; limits count them together.
 */
function inBothSpellings(route: DeclaredRoute): DeclaredRoute[] {
  const { api, path, declaration, isOmitted } = route
  if ((api === undefined && !isOmitted) || declaration.url !== '/' || path === '/') return [route]
  // the published document lists the operation once
  return [
    route,
    { ...route, path: `${path}/`, declaration: { ...declaration, schema: { ...declaration.schema, hide: true } } },
  ]
}

/** An operation combined with the route of the file that overrides it, field by field. */
const overridden = ({ declaration }: ImportedRoute, own: RouteDeclaration, method: string): RouteDeclaration => ({
  ...declaration,
  ...own,
  method,
  schema: { ...declaration.schema, ...own.schema },
})

const shapeOf = (url: string): string => (parsePattern(url) as { shape: string }).shape

/** The header conditions, as `name: value`. */
const conditions = ({ match }: Partial<RouteDeclaration>): string[] =>
  Object.entries(match?.headers ?? {}).map((header) => header.join(': '))

/** The route for undeclared paths; null without `passThrough`. */
export function passThroughRoute(
  upstream: UpstreamDeclaration,
  defaults: GatewayDefaults,
): (Pick<DeclaredRoute, 'auth' | 'limits'> & { websocket: boolean }) | null {
  if (!upstream.passThrough) return null
  const own = upstream.passThrough === true ? {} : upstream.passThrough
  return {
    auth: own.auth ?? upstream.auth ?? defaults.auth!,
    limits: inheritedLimits(upstream, own.rateLimit, `* ${prefixOf(upstream)}/*`, defaults),
    websocket: own.websocket ?? true,
  }
}

/**
 * The limits in force: those of the gateway, and those of the route or else the upstream. `false` on a route removes
 * both. A limit from an API document is added to the upstream's limits, since a document must not remove them.
 */
function inheritedLimits(
  upstream: UpstreamDeclaration,
  own: LimitDeclaration | false | undefined,
  route: string,
  defaults: GatewayDefaults,
  besides = false,
): LimitRule[] {
  if (own === false) return []
  const rules: LimitRule[] = []
  if (defaults.rateLimit) rules.push(...limitRules('gateway', defaults.rateLimit))
  if (own) rules.push(...limitRules(`route:${upstream.name}:${route}`, own))
  if ((!own || besides) && upstream.rateLimit) {
    rules.push(...limitRules(`upstream:${upstream.name}`, upstream.rateLimit))
  }
  return rules
}
