import { HealthCheck } from '../health/health-check.ts'
import { OutlierDetection } from '../health/outlier-detection.ts'
import { SlowStart } from '../health/slow-start.ts'
import { milliseconds } from '../units.ts'
import type { Target } from './target.ts'
import { targetProbe } from './target-probe.ts'
import type { TrafficSettings } from './traffic-schema.ts'

/** What watches the health of the targets, in words. */
export function watchedText ({ healthCheck, outlierDetection, slowStart, panicThreshold = 0 }: TrafficSettings): string[] {
  return [
    ...healthCheck ? [`health check: ${healthCheck.path === undefined ? 'a connection' : `GET ${healthCheck.path}`} every ${milliseconds(healthCheck.interval ?? 10_000)} ms`] : [],
    ...outlierDetection ? ['outlier detection: targets that fail are ejected for a while'] : [],
    ...slowStart ? [`slow start: within ${milliseconds(slowStart.window)} ms`] : [],
    ...panicThreshold > 0 ? [`panic: below ${panicThreshold} % healthy targets all get requests`] : [],
  ]
}

type Report = (decision: string, target: Target, details?: object) => void

/** Watches the health of the targets of an upstream, as far as it is wanted. */
export class HealthWatch {
  readonly #settings: TrafficSettings
  readonly #report: Report
  readonly #outliers: OutlierDetection | null
  #isRunning = false

  constructor (settings: TrafficSettings, report: Report) {
    this.#settings = settings
    this.#report = report
    this.#outliers = settings.outlierDetection ? new OutlierDetection(settings.outlierDetection) : null
  }

  /** Begins to watch one more target. */
  watch (target: Target): void {
    const { healthCheck, slowStart } = this.#settings
    if (slowStart) target.slowStart = new SlowStart(slowStart)
    const report = (decision: string, details?: object): void => this.#report(decision, target, details)
    const onReturn = (): void => target.slowStart?.begin()
    if (healthCheck) target.monitors.push(new HealthCheck(healthCheck, { probe: targetProbe(target, healthCheck), report, onReturn }))
    if (this.#outliers !== null) target.monitors.push(this.#outliers.watch(report, onReturn))
    if (!this.#isRunning) return
    // one that comes later is as cold as one that comes back
    target.slowStart?.begin()
    target.start()
  }

  /** Begins with the checks. */
  start (targets: readonly Target[]): void {
    this.#isRunning = true
    for (const target of targets) target.start()
  }
}
