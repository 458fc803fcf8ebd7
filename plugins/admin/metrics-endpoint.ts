import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'

/** Tells the metrics in the Prometheus text format, where and to whom the configuration says. */
export default fp(async (app) => {
  const { config, metrics } = app
  if (!config.metrics) return
  const { path, auth } = config.metrics
  const available = new Gauge({
    name: 'gatehouse_upstream_target_available',
    help: 'Whether a target gets requests: 1 when it does.',
    labelNames: ['upstream', 'target'],
    registers: [metrics.registry],
    collect () {
      available.reset()
      for (const { name, targets } of app.upstreams) for (const target of targets) available.set({ upstream: name, target: target.id }, target.isAvailable() ? 1 : 0)
    },
  })
  app.get(path, { exposeHeadRoute: true, config: { auth }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('content-type', metrics.registry.contentType).header('cache-control', 'no-store')
    return metrics.registry.metrics()
  })
}, { name: 'metrics-endpoint', dependencies: ['metrics'] })
