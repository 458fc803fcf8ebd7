import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { Counter, Gauge, Registry } from 'prom-client'
import type { EventCounter } from '../../src/observe/metrics.ts'

/** Publishes the metrics in the Prometheus text format, where and to whom the configuration says. */
export default fp(
  async (app) => {
    const { config } = app
    if (!config.metrics) return
    const { path, auth } = config.metrics
    const registry = new Registry()
    for (const counter of Object.values(app.metrics)) publish(counter, registry)
    const available = new Gauge({
      name: 'gatehouse_upstream_target_available',
      help: 'Whether a target gets requests: 1 when it does.',
      labelNames: ['upstream', 'target'],
      registers: [registry],
      collect() {
        available.reset()
        for (const upstream of app.upstreams) {
          for (const target of upstream.targets) {
            available.set({ upstream: upstream.name, target: target.id }, upstream.isServing(target) ? 1 : 0)
          }
        }
      },
    })
    const cached = new Counter({
      name: 'gatehouse_cache_requests_total',
      help: 'Requests to cached routes by what the cache has done: hit, stale, miss, revalidated, collapsed, bypass.',
      labelNames: ['upstream', 'result'],
      registers: [registry],
      // gathered when they are asked for, since counting with labels costs more than a hit should
      collect() {
        cached.reset()
        for (const [upstream, counts] of app.responseCache.counts) {
          for (const [result, count] of counts) cached.inc({ upstream, result }, count)
        }
      },
    })
    app.get(path, { exposeHeadRoute: true, config: { auth }, schema: { hide: true } }, async (_request, reply) => {
      reply.header('content-type', registry.contentType).header('cache-control', 'no-store')
      return registry.metrics()
    })
  },
  { name: 'metrics-endpoint', dependencies: ['metrics'] },
)

function publish(counter: EventCounter, registry: Registry): void {
  const published = new Counter({
    name: counter.name,
    help: counter.help,
    labelNames: counter.labelNames,
    registers: [registry],
    collect() {
      published.reset()
      for (const { labels, value } of counter) published.inc(labels, value)
    },
  })
}
