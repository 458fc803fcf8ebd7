import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { PurgeRequest } from '../../src/cache/cache-schema.ts'
import { collectBodies } from '../../src/contract/body-parsers.ts'

/** Longest request to purge. Bytes. */
const LARGEST = 16 * 1024

/** Purges the cache, where and for whom the configuration says. */
export default fp(async (app) => {
  const { purge } = app.config.cache
  if (!purge) return
  app.register(async (scope) => {
    collectBodies(scope, { bodyLimit: LARGEST, consumes: ['application/json'] })
    scope.post<{ Body: PurgeRequest }>(purge.path, { config: { auth: purge.auth }, schema: { hide: true, body: PurgeRequest } }, async (request, reply) => {
      const { soft = false, ...what } = request.body
      reply.header('cache-control', 'no-store')
      const purged = await app.responseCache.purge({ ...what, soft })
      request.log.info({ reqId: request.id, ...what, soft, purged }, 'purged')
      return { purged }
    })
  })
}, { name: 'cache-purge', dependencies: ['validation', 'shared-cache'] })
