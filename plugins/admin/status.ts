import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { DRIFT_PAGE_POLICY, driftPage } from '../../src/admin/drift-page.ts'
import { explain } from '../../src/admin/explain.ts'
import { ExplainedRequest } from '../../src/admin/explained-request.ts'
import { collectBodies } from '../../src/validation/body-parsers.ts'
import { driftOverlay } from '../../src/openapi/drift/drift-overlay.ts'

/** Largest request to be explained. Bytes. */
const LARGEST = 64 * 1024

/**
 * Tells how every upstream and its targets do, as JSON, what would be done with a request, and where traffic and
 * documents differ; where and to whom the configuration says.
 */
export default fp(
  async (app) => {
    const { status } = app.config
    if (!status) return
    const config = { auth: status.auth }
    app.get(status.path, { exposeHeadRoute: true, config, schema: { hide: true } }, async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      return { upstreams: [...app.upstreams].map((upstream) => upstream.describe()) }
    })
    app.register(async (scope) => {
      collectBodies(scope, { bodyLimit: LARGEST, consumes: ['application/json'] })
      scope.post<{ Body: ExplainedRequest }>(
        `${status.path}/explain`,
        { config, schema: { hide: true, body: ExplainedRequest } },
        async (request, reply) => {
          reply.header('cache-control', 'no-store')
          return { lines: await explain(app, request.body) }
        },
      )
      scope.post(`${status.path}/refresh`, { config, schema: { hide: true } }, async (_request, reply) => {
        reply.header('cache-control', 'no-store')
        return { refreshed: await app.apis.refresh() }
      })
      // like the others, so that one command asks all
      for (const method of ['GET', 'POST']) {
        scope.route({
          method,
          url: `${status.path}/drift`,
          config,
          schema: { hide: true },
          handler: async (request, reply) => {
            reply.header('cache-control', 'no-store').header('vary', 'Accept')
            const records = [...(app.drift ?? [])].map((record) => [record, record.describe()] as const)
            if (/\btext\/html\b/.test(request.headers.accept ?? '')) {
              return reply
                .type('text/html; charset=utf-8')
                .header('content-security-policy', DRIFT_PAGE_POLICY)
                .serializer(String)
                .send(driftPage(records.map(([, drift]) => drift)))
            }
            return {
              drift: records.map(([{ document }, drift]) => ({ ...drift, overlay: driftOverlay(document, drift) })),
            }
          },
        })
      }
    })
  },
  { name: 'status', dependencies: ['validation', 'drift'] },
)
