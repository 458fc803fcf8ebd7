import type { FastifyInstance } from 'fastify'
import { CORS_HEADERS } from '../browser/cors-policy.ts'
import { securityHeaderNames } from '../browser/security-headers.ts'
import { CachePolicy } from '../cache/cache-policy.ts'
import type { Config } from '../config/config-schema.ts'
import type { ResponseCache, RouteCache } from '../proxy/cached/response-cache.ts'
import { forwardPlan, type ForwardPlan, type ForwardSettings } from '../proxy/forward-plan.ts'
import type { ForwardedHeaders } from '../proxy/forwarded-headers.ts'
import type { Mirror } from '../proxy/mirror.ts'
import { compilePathTemplate } from '../proxy/upstream-path.ts'
import { bytes } from '../units.ts'
import type { RouteDeclaration, UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { timeoutSettings } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { compileResponseCheck, type ResponseCheck } from '../validation/response-check.ts'
import { type DeclaredRoute, prefixOf } from './declared-routes.ts'
import type { CredentialRemoval } from './credential-removal.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the upstream, for logs, metrics and documents. */
    upstream?: string
    /** Description of the upstream from its file. */
    upstreamDescription?: string
    /** Path pattern as clients see it, without the internal host group. */
    publicUrl?: string
    /** Internal prefix of the host group, which `publicUrl` lacks. */
    hostPrefix?: string
    /** Hosts that the route answers for; absent for all. */
    hosts?: readonly string[]
    /** Target of a redirect route, for display. */
    redirect?: string
    /** Whether the gateway answers in place of the service. */
    mock?: boolean
    /** Lets WebSocket upgrades through. */
    websocket?: boolean
    /** Whether the route forwards the undeclared paths below a prefix. */
    passThrough?: boolean
    /** How the request is forwarded. */
    plan?: ForwardPlan
  }
}

/** The parts that all plans of an upstream share. */
export interface PlanParts {
  config: Config
  forwarded: ForwardedHeaders
  upstream: Upstream
  mirror: Mirror | null
  declaration: UpstreamDeclaration
  /** Internal prefix of the host group. */
  hostPrefix: string
  responses: ResponseCache
  withheld: CredentialRemoval
  /** Whether any route of the upstream caches responses. */
  storesSome: boolean
}

/**
 * The plan of a route, or of the pass-through when `route` is empty: everything inherited from upstream and gateway.
 * @param pattern   internal pattern of the route
 * @param responseCheck  the check for `responseValidation`; null for none
 * @param checkedHeaders  response headers that the API document checks, in lower case
 * @param open  whether the route has `auth: 'none'`
 */
export function routePlan(
  parts: PlanParts,
  route: Partial<RouteDeclaration>,
  pattern: string,
  websocket: boolean,
  open: boolean,
  responseCheck: ResponseCheck | null = null,
  checkedHeaders: readonly string[] = [],
): ForwardPlan {
  const { config, declaration, hostPrefix } = parts
  const stripped = declaration.stripPrefix ? prefixOf(declaration) : ''
  const plan = forwardPlan({
    ...inheritedSettings(parts),
    open,
    timeouts: timeoutSettings(route.timeouts, declaration.timeouts, config.timeouts),
    ...(route.retries === undefined ? {} : { retries: route.retries }),
    ...(route.hedging === undefined ? {} : { hedging: route.hedging }),
    ...(route.fallback === undefined ? {} : { fallback: route.fallback }),
    stripLength: hostPrefix.length + stripped.length,
    strippedPrefix: stripped,
    rewrite: route.rewritePath === undefined ? null : compilePathTemplate(route.rewritePath, pattern),
    checksHeaders: route.schema?.headers !== undefined || route.match !== undefined || checkedHeaders.length > 0,
    checkedHeaders: [...schemaHeaders(route), ...checkedHeaders],
    requestHeaders: [declaration.requestHeaders ?? {}, route.requestHeaders ?? {}],
    responseHeaders: [declaration.responseHeaders ?? {}, route.responseHeaders ?? {}],
    responseCheck,
    enforceResponse: (route.responseValidation ?? declaration.responseValidation) === 'enforce',
    bodyLimit: sizeOf(route.bodyLimit ?? declaration.bodyLimit),
    websocket,
    ownResponseHeaders: ownResponseHeaders(route, declaration, config),
    mirror: route.mirror === false ? null : parts.mirror,
    hostLength: hostPrefix.length,
    cache: routeCache(parts, route),
  })
  parts.withheld.addIdentity(Object.keys(declaration.identityHeaders ?? {}))
  parts.withheld.apply(plan, declaration.hosts, route.forwardCredentials ?? declaration.forwardCredentials ?? false)
  return plan
}

/** Headers in the schema of a route, in lower case. */
function schemaHeaders({ schema }: Partial<RouteDeclaration>): string[] {
  const { properties = {}, required = [] } = (schema?.headers ?? {}) as { properties?: object; required?: string[] }
  return [...new Set([...Object.keys(properties), ...required])].map((name) => name.toLowerCase())
}

/**
 * The cache of a route. A route that stores nothing still invalidates the stored responses of its upstream when a write
 * succeeds.
 */
function routeCache(
  { config, declaration, responses, storesSome }: PlanParts,
  route: Partial<RouteDeclaration>,
): RouteCache | null {
  const settings = route.cache ?? declaration.cache ?? false
  if (settings === false) return storesSome ? { cache: responses, policy: null, route: '' } : null
  const { match } = route
  // behind a proxy that sends the same host for several sites, one URL can mean several resources
  const place = declaration.paths === 'as-is' ? `as-is ${declaration.name}\n` : ''
  return {
    cache: responses,
    policy: new CachePolicy(
      settings === true ? {} : settings,
      (route.compress ?? declaration.compress ?? config.compress ?? false) !== false,
    ),
    route: match === undefined ? place : `${JSON.stringify(match)}\n`,
  }
}

function ownResponseHeaders(
  route: Partial<RouteDeclaration>,
  upstream: UpstreamDeclaration,
  gateway: Config,
): string[] {
  const security = route.securityHeaders ?? upstream.securityHeaders ?? gateway.securityHeaders
  return [
    ...((route.cors ?? upstream.cors ?? gateway.cors) ? CORS_HEADERS : []),
    ...(typeof security === 'object' && security.override ? securityHeaderNames(security) : []),
  ]
}

/**
 * Whether targets get the client's `Host`: a service for certain hosts puts them into its links and cookies.
 */
const preservesHost = ({ preserveHost, hosts }: Partial<UpstreamDeclaration>, config: Config): boolean =>
  preserveHost ?? config.preserveHost ?? hosts !== undefined

/** The settings that hand-written plugins can set too. */
export function inheritedSettings({
  config,
  forwarded,
  upstream,
  declaration,
}: Pick<PlanParts, 'config' | 'forwarded' | 'upstream'> & {
  declaration: Partial<UpstreamDeclaration>
}): ForwardSettings {
  return {
    upstream,
    forwarded,
    timeouts: timeoutSettings(declaration.timeouts, config.timeouts),
    retries: declaration.retries ?? config.retries,
    hedging: declaration.hedging ?? config.hedging,
    fallback: declaration.fallback ?? config.fallback,
    preserveHost: preservesHost(declaration, config),
    sendRealIp: declaration.sendRealIp ?? config.sendRealIp,
    forwardMethodOverride: declaration.forwardMethodOverride ?? config.forwardMethodOverride,
    identityHeaders: declaration.identityHeaders ?? config.identityHeaders,
    requestHeaders: [declaration.requestHeaders ?? {}],
    responseHeaders: [declaration.responseHeaders ?? {}],
  }
}

const sizeOf = (size: string | number | undefined): number | undefined => (size === undefined ? undefined : bytes(size))

/**
 * The check of a route's responses: by its own schemas, else by those of its operation; null when validation is off.
 */
export function responseCheck(
  app: FastifyInstance,
  { declaration, api }: DeclaredRoute,
  upstream: UpstreamDeclaration,
): ResponseCheck | null {
  const own = declaration.schema?.response
  if ((declaration.responseValidation ?? upstream.responseValidation ?? 'off') === 'off') return null
  if (own !== undefined) return compileResponseCheck(own)
  return api === undefined ? null : app.operationResponseCheck(api.document, api.operation)
}

/** Response headers that the API document checks, in lower case. */
export const checkedHeaders = ({ api }: DeclaredRoute): string[] =>
  api === undefined
    ? []
    : api.operation.parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name.toLowerCase())
