import cors from '@fastify/cors'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { CorsPolicy, corsMistake, PREFLIGHT_PATH, preflightRoute } from '../../src/browser/cors-policy.ts'
import { isOwnPage } from '../../src/browser/same-origin.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { isUpgrade } from '../../src/listener/upgrade.ts'
import type { Cors } from '../../src/browser/browser-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Pages of which origins may call the route. */
    cors?: Cors
    /** The same, made ready; stated by the gateway itself. */
    corsPolicy?: CorsPolicy
  }
}

/** Lets pages of other origins call the routes that say so: answers their preflights, and marks what they may read. */
export default fp(
  async (app) => {
    app.routePhase('cors', ({ url, config = {} }) => {
      const rules = config.cors
      if (!rules) return null
      const mistake = corsMistake(rules)
      if (mistake !== null) {
        throw new BootProblems([{ file: config.upstream ?? url, field: 'cors.credentials', message: mistake }])
      }
      return marker((config.corsPolicy = new CorsPolicy(rules)))
    })
    await app.register(answerPreflights, { prefix: PREFLIGHT_PATH })
  },
  { name: 'cors' },
)

/** The host router sends preflights here, when the route that they are about has a policy. */
async function answerPreflights(scope: FastifyInstance): Promise<void> {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, auth: 'none', limit: false, publicUrl: '' }
  })
  // RFC 9110, section 8.6: a 204 has none
  scope.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.statusCode === 204) reply.removeHeader('content-length')
    done(null, payload)
  })
  await scope.register(cors, {
    delegator: (request, done) => {
      const { corsPolicy: policy } = preflightRoute(request.raw)!
      const { origin = '' } = request.headers
      done(null, {
        origin: policy.allows(origin) ? (policy.varies ? origin : '*') : false,
        methods: [...(policy.methods ?? [request.headers['access-control-request-method']!])],
        // null is for those that the preflight asks for
        allowedHeaders: policy.headers as string[],
        credentials: policy.credentials,
        maxAge: policy.maxAge,
      })
    },
  })
}

function marker(policy: CorsPolicy): onRequestHookHandler {
  return (request, reply, done) => {
    const { origin, 'sec-fetch-site': site } = request.headers
    if (isUpgrade(request.raw) && origin !== undefined && !policy.allows(origin) && !isOwnPage(origin, site, request)) {
      done(gatehouseError('GW_ORIGIN_REFUSED'))
      return
    }
    const headers = policy.answerHeaders(origin)
    for (let i = 0; i < headers.length; i += 2) reply.header(headers[i]!, headers[i + 1]!)
    done()
  }
}
