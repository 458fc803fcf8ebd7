import fp from 'fastify-plugin'
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

/** The counters of this gateway. */
export default fp(
  async (app) => {
    app.decorate('metrics', createMetrics())
  },
  { name: 'metrics' },
)
