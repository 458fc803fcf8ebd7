import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'

/** Tells how every upstream and its targets do, as JSON, where and to whom the configuration says. */
export default fp(async (app) => {
  const { status } = app.config
  if (!status) return
  app.get(status.path, { exposeHeadRoute: true, config: { auth: status.auth }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { upstreams: [...app.upstreams].map((upstream) => upstream.describe()) }
  })
}, { name: 'status' })
