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
 * How an upstream treats its targets. Stated by an upstream, or for all of them by the configuration; each key by
 * itself is taken from the nearest.
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

/** The nearest word on each field: upstream before gateway. */
export function trafficSettings(declaration: TrafficSettings, config: TrafficSettings): TrafficSettings {
  const keys = Object.keys(trafficFields) as (keyof TrafficSettings)[]
  return Object.fromEntries(keys.map((key) => [key, declaration[key] ?? config[key]])) as TrafficSettings
}
