import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { gatehouseError } from '../../src/errors.ts'
import { refusalOf, asksWholeServer } from '../../src/listener/refusal.ts'
import { REFUSED_PATH } from '../../src/routing/host-router.ts'

/**
 * Answers the requests that have no route: those that must not be routed, since they can be read in more than one way,
 * and `OPTIONS *`. The host router sends them here.
 */
export default fp(
  async (app) => {
    app.all(REFUSED_PATH, { config: { auth: 'none', publicUrl: '' }, schema: { hide: true } }, (request, reply) => {
      const refusal = refusalOf(request.raw)
      if (refusal === undefined && asksWholeServer(request.method, request.originalUrl)) {
        reply.code(204).header('allow', app.routeTable.methods.join(', ')).send()
        return reply
      }
      // a client may ask for the path itself
      const code = refusal ?? 'GW_NOT_FOUND'
      throw gatehouseError(code, code === 'GW_NOT_FOUND' ? {} : { headers: { connection: 'close' } })
    })
  },
  { name: 'refusal' },
)
