import Type, { type Static } from 'typebox'
import { Balance, Queue } from '../traffic/balancing/balancer-schema.ts'
import { Dns } from '../traffic/discovery/discovery-schema.ts'
import {
  HealthCheckSettings,
  OutlierSettings,
  PanicThreshold,
  SlowStartSettings,
} from '../traffic/health/health-schema.ts'
import {
  CircuitBreakerDeclaration,
  Concurrency,
  Fallback,
  Hedging,
  Retries,
} from '../traffic/resilience/resilience-schema.ts'

/**
 * How an upstream treats its targets. Set in the configuration for all upstreams, or in an upstream file. Each key is
 * inherited on its own.
 */
export const trafficFields = {
  dns: Type.Optional(Dns),
  balance: Type.Optional(Balance),
  queue: Type.Optional(Queue),
  healthCheck: Type.Optional(HealthCheckSettings),
  outlierDetection: Type.Optional(OutlierSettings),
  slowStart: Type.Optional(SlowStartSettings),
  panicThreshold: Type.Optional(PanicThreshold),
  retries: Type.Optional(Retries),
  hedging: Type.Optional(Hedging),
  circuitBreaker: Type.Optional(CircuitBreakerDeclaration),
  concurrency: Type.Optional(Concurrency),
  fallback: Type.Optional(Fallback),
}

export type TrafficSettings = Static<ReturnType<typeof Type.Object<typeof trafficFields>>>

/** Merges the settings field by field: the upstream's value, else the gateway's. */
export function trafficSettings(declaration: TrafficSettings, config: TrafficSettings): TrafficSettings {
  const keys = Object.keys(trafficFields) as (keyof TrafficSettings)[]
  return Object.fromEntries(keys.map((key) => [key, declaration[key] ?? config[key]])) as TrafficSettings
}
