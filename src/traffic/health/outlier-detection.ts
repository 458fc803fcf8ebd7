import { milliseconds } from '../../units.ts'
import type { OutlierSettings } from './health-schema.ts'
import { Outlier } from './outlier.ts'

type Report = (decision: 'ejected' | 'returned', details?: object) => void

/**
 * Ejects targets whose requests fail, after the model of Envoy: by failures in a row, each kind counted apart, and by
 * comparing the targets of an upstream. It never ejects more than a share of them, and never the last.
 */
export class OutlierDetection {
  readonly #settings: OutlierSettings
  readonly #now: () => number
  readonly #outliers = new Set<Outlier>()
  readonly #maxShare: number
  readonly #interval: number
  #evaluateAt: number

  /** @param now  milliseconds of a monotonic clock */
  constructor(settings: OutlierSettings, now: () => number = () => performance.now()) {
    this.#settings = settings
    this.#now = now
    this.#maxShare = (settings.maxEjectionPercent ?? 50) / 100
    this.#interval = milliseconds(settings.successRate?.interval ?? 10_000)
    this.#evaluateAt = now() + this.#interval
  }

  /** Watches one more target. */
  watch(report: Report, onReturn: () => void): Outlier {
    const outlier: Outlier = new Outlier(
      this.#settings,
      {
        report,
        onReturn,
        mayEject: () => this.#mayEject(outlier),
        counted: this.#settings.successRate === undefined ? undefined : () => this.#compare(),
        closed: () => this.#outliers.delete(outlier),
      },
      this.#now,
    )
    this.#outliers.add(outlier)
    return outlier
  }

  /** Whether one more may go. Even where the share is less than one target, one may, as long as another is left. */
  #mayEject(candidate: Outlier): boolean {
    let ejected = 0
    for (const outlier of this.#outliers) if (outlier !== candidate && !outlier.isAvailable()) ejected++
    return ejected + 1 < this.#outliers.size && (ejected === 0 || ejected + 1 <= this.#outliers.size * this.#maxShare)
  }

  /** Once an interval: ejects those whose share of successes is far below the mean. */
  #compare(): void {
    const now = this.#now()
    if (now < this.#evaluateAt) return
    this.#evaluateAt = now + this.#interval
    const { minimumTargets = 5, minimumRequests = 100, deviations = 1.9 } = this.#settings.successRate!
    const rates = [...this.#outliers]
      .map((outlier) => ({ outlier, rate: outlier.takeSuccessRate(minimumRequests) }))
      .filter(({ rate }) => rate !== null) as { outlier: Outlier; rate: number }[]
    if (rates.length < minimumTargets) return
    const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length
    const deviation = Math.sqrt(rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length)
    for (const { outlier, rate } of rates) {
      if (rate < mean - deviations * deviation) outlier.eject('success_rate', { rate, mean })
    }
  }
}
