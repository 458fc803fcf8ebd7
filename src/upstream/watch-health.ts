import { HealthCheck } from '../traffic/health/health-check.ts'
import { OutlierDetection } from '../traffic/health/outlier-detection.ts'
import { SlowStart } from '../traffic/health/slow-start.ts'
import { milliseconds } from '../units.ts'
import type { Target } from './target.ts'
import { targetProbe } from './target-probe.ts'
import type { TrafficSettings } from '../config/traffic-schema.ts'

/** What watches the health of the targets, in words. */
export function watchedText({
  healthCheck,
  outlierDetection,
  slowStart,
  panicThreshold = 0,
  circuitBreaker,
  concurrency,
  queue,
}: TrafficSettings): string[] {
  return [
    ...(healthCheck
      ? [
          `health check: ${healthCheck.path === undefined ? 'a connection' : `GET ${healthCheck.path}`} every ${milliseconds(healthCheck.interval ?? 10_000)} ms`,
        ]
      : []),
    ...(outlierDetection ? ['outlier detection: targets that fail are ejected for a while'] : []),
    ...(slowStart ? [`slow start: within ${milliseconds(slowStart.window)} ms`] : []),
    ...(circuitBreaker
      ? [
          `circuit breaker: opens ${circuitBreaker.failureRate ? `when ${circuitBreaker.failureRate.percent} % of the answers fail` : `after ${circuitBreaker.failures ?? 5} failures in a row`}, for ${milliseconds(circuitBreaker.open ?? 10_000)} ms at first`,
        ]
      : []),
    ...(concurrency
      ? [
          `concurrency: ${concurrency.max === undefined ? 'as many at once as are answered without delay' : `at most ${concurrency.max} at once`}`,
        ]
      : []),
    ...(queue ? [`queue: ${queue.max ?? 100} may wait for room, ${milliseconds(queue.timeout ?? '5s')} ms each`] : []),
    ...(panicThreshold > 0 ? [`panic: below ${panicThreshold} % healthy targets all get requests`] : []),
  ]
}

type Report = (decision: string, target: Target, details?: object) => void

/** Makes a function that gives a target the monitors of its health, as far as these are configured. */
export function healthWatch(
  { healthCheck, outlierDetection, slowStart }: TrafficSettings,
  report: Report,
): (target: Target) => void {
  const outliers = outlierDetection ? new OutlierDetection(outlierDetection) : null
  return (target) => {
    if (slowStart) target.slowStart = new SlowStart(slowStart)
    const tell = (decision: string, details?: object): void => report(decision, target, details)
    const onReturn = (): void => target.slowStart?.begin()
    if (healthCheck) {
      target.monitors.push(
        new HealthCheck(healthCheck, { probe: targetProbe(target, healthCheck), report: tell, onReturn }),
      )
    }
    if (outliers !== null) target.monitors.push(outliers.watch(tell, onReturn))
  }
}
