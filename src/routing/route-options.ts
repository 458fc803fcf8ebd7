import type { FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import type { Config } from '../config/config-schema.ts'
import type { ForwardPlan } from '../proxy/forward-plan.ts'
import { gatehouseError } from '../errors.ts'
import { matrixPath } from '../validation/matrix-path.ts'
import { forward } from '../proxy/pipeline.ts'
import { bytes } from '../units.ts'
import type { RouteDeclaration, UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import type { DeclaredRoute } from './declared-routes.ts'
import { mockHandler, ownOperation } from './mock-handler.ts'
import { redirectHandler } from './redirect.ts'

const refuseOmitted = (): never => {
  throw gatehouseError('GW_OPERATION_OMITTED')
}

export const DEFAULT_CONSUMES: readonly string[] = ['application/json']

/** Header conditions, with lower-case names. */
export const headerMatch = ({ match }: Partial<RouteDeclaration>): Record<string, string> | undefined =>
  match && Object.fromEntries(Object.entries(match.headers).map(([name, value]) => [name.toLowerCase(), value]))

/** The Fastify route of one method of a declared route. */
export function routeOptions(
  upstream: UpstreamDeclaration,
  route: DeclaredRoute,
  method: string,
  hostPrefix: string,
  plan: ForwardPlan,
  config: Config,
): RouteOptions {
  const { declaration: own } = route
  const { response, consumes = DEFAULT_CONSUMES, hide, ...schema } = own.schema ?? {}
  const requestValidation =
    route.api === undefined ? undefined : (own.requestValidation ?? upstream.requestValidation ?? 'enforce')
  const match = headerMatch(own)
  const mock = own.mock ?? upstream.mock ?? false
  const options: RouteOptions = {
    method,
    url: hostPrefix + route.path,
    schema: {
      ...schema,
      tags: own.tags ?? upstream.tags ?? [upstream.name],
      // an undeclared HEAD belongs to its GET
      hide: hide ?? !route.methods.includes(method),
    } as FastifySchema,
    config: {
      upstream: upstream.name,
      upstreamDescription: upstream.description,
      hosts: upstream.hosts,
      hostPrefix,
      publicUrl: route.path,
      auth: route.auth,
      limits: route.limits,
      cors: own.cors ?? upstream.cors ?? config.cors,
      csrf: own.csrf ?? upstream.csrf ?? config.csrf,
      securityHeaders: own.securityHeaders ?? upstream.securityHeaders ?? config.securityHeaders,
      compress: own.compress ?? upstream.compress ?? config.compress,
      clientCache: own.clientCache ?? upstream.clientCache,
      ...(own.rateLimit === false ? { limit: false } : {}),
      cost: own.cost ?? upstream.cost,
      responses: response,
      responseValidation: own.responseValidation ?? upstream.responseValidation,
      consumes: schema.body ? consumes : undefined,
      api: route.api,
      matrix: route.api && matrixPath(route.api.document, route.api.operation),
      requestValidation,
      mock: mock !== false,
      websocket: own.websocket,
      redirect: own.redirect && `${own.redirect.status ?? 308} ${own.redirect.to}`,
      plan,
    },
    handler: route.isOmitted
      ? refuseOmitted
      : own.redirect
        ? redirectHandler(own.redirect, hostPrefix + route.path)
        : mock !== false
          ? mockHandler(
              response === undefined && route.api !== undefined
                ? route.api
                : ownOperation(own, `${upstream.name}: ${route.field}`),
              mock,
            )
          : (request: FastifyRequest, reply: FastifyReply) => forward(request, reply, plan),
  }
  if (match) options.constraints = { headers: match } as RouteOptions['constraints']
  // for streamed bodies the plan has the limit
  if (schema.body || route.api !== undefined) {
    options.bodyLimit = bytes(own.bodyLimit ?? upstream.bodyLimit ?? config.bodyLimit)
  }
  return options
}
