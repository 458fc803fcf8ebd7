import { Counter, Registry } from 'prom-client'

/** The metrics of one gateway; each has a registry of its own, so that several can live in a process. */
export interface Metrics {
  registry: Registry
  responseViolations: Counter<'upstream' | 'route' | 'status'>
  decisions: Counter<'decision' | 'upstream' | 'target'>
  cacheErrors: Counter<'operation'>
}

export function createMetrics (): Metrics {
  const registry = new Registry()
  return {
    registry,
    responseViolations: new Counter({
      name: 'gatehouse_response_violations_total',
      help: 'Responses that broke the schema of their route.',
      labelNames: ['upstream', 'route', 'status'],
      registers: [registry],
    }),
    decisions: new Counter({
      name: 'gatehouse_upstream_decisions_total',
      help: 'What the traffic engine has decided about targets and attempts.',
      labelNames: ['decision', 'upstream', 'target'],
      registers: [registry],
    }),
    cacheErrors: new Counter({
      name: 'gatehouse_cache_store_errors_total',
      help: 'Failures of what keeps cached responses; each was a miss, or a response that is not shared.',
      labelNames: ['operation'],
      registers: [registry],
    }),
  }
}
