import { Counter, Registry } from 'prom-client'

/** The metrics of one gateway; each has a registry of its own, so that several can live in a process. */
export interface Metrics {
  registry: Registry
  responseViolations: Counter<'upstream' | 'route' | 'status'>
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
  }
}
