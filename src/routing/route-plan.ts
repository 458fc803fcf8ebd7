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
import type { WithheldFields } from './withheld-fields.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the upstream, for logs, metrics and documents. */
    upstream?: string
    /** What the API of the upstream is for, in the words of its file. */
    upstreamDescription?: string
    /** Path pattern as clients see it, without the internal host group. */
    publicUrl?: string
    /** Internal prefix of the host group, taken off to get `publicUrl`. */
    hostPrefix?: string
    /** Hosts that the route answers for; absent for all. */
    hosts?: readonly string[]
    /** Where a redirect route sends to, for people to read. */
    redirect?: string
    /** Whether the gateway answers in place of the service. */
    mock?: boolean
    /** Lets WebSocket upgrades through. */
    websocket?: boolean
    /** Whether the route takes what is not declared below a prefix. */
    passThrough?: boolean
    /** How the request is forwarded. */
    plan?: ForwardPlan
  }
}

/** What an upstream's plans have in common. */
export interface PlanParts {
  config: Config
  forwarded: ForwardedHeaders
  upstream: Upstream
  mirror: Mirror | null
  declaration: UpstreamDeclaration
  /** Internal prefix of the host group. */
  hostPrefix: string
  responses: ResponseCache
  withheld: WithheldFields
  /** Whether some route of the upstream stores responses. */
  storesSome: boolean
}

/**
 * The plan of a route, or of the pass-through when `route` is empty: everything inherited from upstream and gateway.
 * @param pattern   internal pattern of the route
 * @param responseCheck  of what `responseValidation` is about; null for none
 * @param checkedHeaders  headers that the operation of a document checks, in lower case
 * @param open  whether the route says `auth: 'none'`
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

/** Headers that the schema of a route names, in lower case. */
function schemaHeaders({ schema }: Partial<RouteDeclaration>): string[] {
  const { properties = {}, required = [] } = (schema?.headers ?? {}) as { properties?: object; required?: string[] }
  return [...new Set([...Object.keys(properties), ...required])].map((name) => name.toLowerCase())
}

/**
 * The cache of a route. One that stores nothing puts out what others of the upstream have stored, when it changes
 * something.
 */
function routeCache(
  { config, declaration, responses, storesSome }: PlanParts,
  route: Partial<RouteDeclaration>,
): RouteCache | null {
  const settings = route.cache ?? declaration.cache ?? false
  if (settings === false) return storesSome ? { cache: responses, policy: null, route: '' } : null
  const { match } = route
  // one URL can mean another resource there, where a proxy states the same host for both
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
 * Whether targets get the client's `Host`: a service that answers for stated hosts puts them into its links and
 * cookies.
 */
const preservesHost = ({ preserveHost, hosts }: Partial<UpstreamDeclaration>, config: Config): boolean =>
  preserveHost ?? config.preserveHost ?? hosts !== undefined

/** The settings that hand-written plugins can state too. */
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
 * What looks at the responses of a route: its own schemas, else those of its operation; null when nobody wants to know.
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

/** Headers that the operation of a document checks, in lower case. */
export const checkedHeaders = ({ api }: DeclaredRoute): string[] =>
  api === undefined
    ? []
    : api.operation.parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name.toLowerCase())
