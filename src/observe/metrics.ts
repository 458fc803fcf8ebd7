import { Counter, Registry } from 'prom-client'

/** The metrics of one gateway; each has a registry of its own, so that several can live in a process. */
export interface Metrics {
  registry: Registry
  responseViolations: Counter<'upstream' | 'route' | 'status'>
  requestViolations: Counter<'upstream' | 'route' | 'mode'>
  requestsUnchecked: Counter<'upstream' | 'route'>
  decisions: Counter<'decision' | 'upstream' | 'target'>
  cacheStoreErrors: Counter<'operation'>
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
    requestViolations: new Counter({
      name: 'gatehouse_request_violations_total',
      help: 'Requests that broke the API document of their route; in the mode "report" they went on.',
      labelNames: ['upstream', 'route', 'mode'],
      registers: [registry],
    }),
    requestsUnchecked: new Counter({
      name: 'gatehouse_requests_unchecked_total',
      help: 'Requests that went on with a body that was not checked: too large, of unknown length, or encoded.',
      labelNames: ['upstream', 'route'],
      registers: [registry],
    }),
    cacheStoreErrors: new Counter({
      name: 'gatehouse_cache_store_errors_total',
      help: 'Operations of the store of the cache that failed; each is a miss to the request.',
      labelNames: ['operation'],
      registers: [registry],
    }),
    decisions: new Counter({
      name: 'gatehouse_upstream_decisions_total',
      help: 'What the traffic engine has decided about targets and attempts.',
      labelNames: ['decision', 'upstream', 'target'],
      registers: [registry],
    }),
  }
}
