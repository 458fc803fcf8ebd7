import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'

/** Tells the metrics in the Prometheus text format, where and to whom the configuration says. */
export default fp(async (app) => {
  const { config, metrics } = app
  if (!config.metrics) return
  const { path, auth } = config.metrics
  app.get(path, { exposeHeadRoute: true, config: { auth }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('content-type', metrics.registry.contentType).header('cache-control', 'no-store')
    return metrics.registry.metrics()
  })
}, { name: 'metrics-endpoint', dependencies: ['metrics'] })
