import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import { showTarget } from '../proxy/upstream-path.ts'
import { forward } from '../proxy/pipeline.ts'
import { FORWARDED_METHODS } from '../upstream/declaration-schema.ts'
import { passThroughRoute, prefixOf } from './declared-routes.ts'
import type { HostRouter } from './host-router.ts'
import type { RouteConflicts } from './route-conflicts.ts'
import { type PlanParts, routePlan } from './route-plan.ts'

/** The parts that registering a pass-through needs. */
export interface UndeclaredParts extends PlanParts {
  hosts: HostRouter
  claims: RouteConflicts
}

/**
 * Registers the routes for the undeclared paths of an upstream.
 * @param scope  a scope that streams bodies unread
 */
export async function registerUndeclared(scope: FastifyInstance, parts: UndeclaredParts): Promise<void> {
  const { declaration, hostPrefix, config, hosts, claims } = parts
  const route = passThroughRoute(declaration, config)
  if (route === null) return
  const prefix = prefixOf(declaration)
  const isAsIs = declaration.paths === 'as-is'
  const { auth, limits, websocket } = route
  if (declaration.hosts) {
    for (const path of [prefix || '/', `${prefix}/*`]) {
      for (const method of claims.passedThrough(hostPrefix + path, scope.supportedMethods)) {
        hosts.add(declaration.hosts, method, path)
      }
    }
  }
  const plan = routePlan(parts, {}, '', websocket, auth === 'none')
  const options: FastifyContextConfig = {
    upstream: declaration.name,
    hosts: declaration.hosts,
    hostPrefix,
    ...(isAsIs ? { publicUrl: '/*' } : {}),
    auth,
    limits,
    websocket,
    plan,
    cors: declaration.cors ?? config.cors,
    csrf: declaration.csrf ?? config.csrf,
    securityHeaders: declaration.securityHeaders ?? config.securityHeaders,
    compress: declaration.compress ?? config.compress,
    clientCache: declaration.clientCache,
    ...(typeof declaration.passThrough === 'object' && declaration.passThrough.rateLimit === false
      ? { limit: false }
      : {}),
    cost: declaration.cost,
    passThrough: true,
  }
  if (isAsIs) {
    // not with `@fastify/http-proxy`, which parses paths and refuses some
    scope.route({
      method: FORWARDED_METHODS,
      url: `${hostPrefix}/`,
      config: options,
      onRequest: showTarget,
      handler: (request, reply) => forward(request, reply, plan),
    })
    return
  }
  const { registerPassThrough } = await import('./pass-through.ts')
  registerPassThrough(scope, hostPrefix + prefix, plan, options)
}
