import { milliseconds } from '../units.ts'
import type { FallbackSettings, RetrySettings } from '../traffic/resilience/resilience-schema.ts'
import type { TrafficSettings } from '../config/traffic-schema.ts'

type Say = (field: string, message: string) => void

/** Answers that have no content (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
const WITHOUT_CONTENT = [204, 205, 304]

/** Finds settings that contradict each other, or have no effect. @param say  called with each field and message */
export function checkTraffic(settings: TrafficSettings, say: Say): void {
  const { healthCheck, outlierDetection, circuitBreaker, concurrency } = settings
  if (healthCheck && healthCheck.path === undefined) {
    for (const name of ['status', 'body', 'headers'] as const) {
      if (healthCheck[name] !== undefined) {
        say(
          `healthCheck.${name}`,
          'has an effect only with path: without one a check is a connection, and nothing is asked',
        )
      }
    }
  }
  if (outlierDetection) {
    atLeast(
      'outlierDetection',
      ['maxEjectionTime', outlierDetection.maxEjectionTime],
      ['baseEjectionTime', outlierDetection.baseEjectionTime ?? '30s'],
      say,
    )
  }
  if (circuitBreaker) {
    atLeast('circuitBreaker', ['maxOpen', circuitBreaker.maxOpen], ['open', circuitBreaker.open ?? '10s'], say)
  }
  if (concurrency && concurrency.adaptive !== undefined) {
    const { minimum = 10, maximum = 1000 } = concurrency.adaptive
    if (minimum > maximum) {
      say(
        'concurrency.adaptive',
        `found a minimum of ${minimum} and a maximum of ${maximum}: the minimum must not be above the maximum`,
      )
    }
  }
  checkFailing(settings, say)
}

/** The same check for the settings of a route. */
export function checkFailing(
  { retries, fallback }: { retries?: RetrySettings; fallback?: FallbackSettings },
  say: Say,
): void {
  const { base, max = '1s' } = (retries || {}).backoff ?? {}
  if (base !== undefined) atLeast('retries.backoff', ['max', max], ['base', base], say)
  if (fallback && fallback.body !== undefined && WITHOUT_CONTENT.includes(fallback.status ?? 200)) {
    say('fallback.body', `an answer of status ${fallback.status} has no content: take it away, or state another status`)
  }
}

type Stated = [name: string, time: string | number | undefined]

function atLeast(section: string, [name, time]: Stated, [other, least]: Stated, say: Say): void {
  if (time !== undefined && milliseconds(time) < milliseconds(least!)) {
    say(
      `${section}.${name}`,
      `found ${JSON.stringify(time)}, allowed: at least as long as ${other}, which is ${JSON.stringify(least)}`,
    )
  }
}
