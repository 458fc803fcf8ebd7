import { milliseconds } from '../../units.ts'
import type { OutlierSettings } from './health-schema.ts'

type Report = (decision: 'ejected' | 'returned', details?: object) => void

/**
 * Ejects targets whose requests fail, like Envoy: by consecutive failures, counted for each kind, and by comparing the
 * success rates of the targets. It never ejects more than a share of the targets, and never the last one.
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

  /** Adds a target. */
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

  /** Whether one more may be ejected. One always may, as long as another target is left. */
  #mayEject(candidate: Outlier): boolean {
    let ejected = 0
    for (const outlier of this.#outliers) if (outlier !== candidate && !outlier.isAvailable()) ejected++
    return ejected + 1 < this.#outliers.size && (ejected === 0 || ejected + 1 <= this.#outliers.size * this.#maxShare)
  }

  /** Once an interval, ejects targets whose success rate is far below the mean. */
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

type Cause = 'consecutive_5xx' | 'consecutive_gateway_errors' | 'consecutive_local_errors' | 'success_rate'

interface OutlierParts {
  report: (decision: 'ejected' | 'returned', details?: object) => void
  onReturn: () => void
  /** Whether enough other targets are left. */
  mayEject: () => boolean
  /** Called for each result, when success rates are compared. */
  counted?: () => void
  closed: () => void
}

/** Watches the requests of one target, and ejects it for a while when they fail. */
export class Outlier {
  readonly isHealth = true
  readonly name = 'outlier'
  readonly #limits: readonly [server: number, gateway: number, local: number]
  readonly #base: number
  readonly #longest: number
  readonly #parts: OutlierParts
  readonly #now: () => number
  /** Consecutive failures. */
  #server = 0
  #gateway = 0
  #local = 0
  #successes = 0
  #results = 0
  #isEjected = false
  #until = 0
  /** How often it was ejected. Falls by one for each base time without an ejection. */
  #ejections = 0

  constructor(
    {
      consecutive5xx = 5,
      consecutiveGatewayErrors = 0,
      consecutiveLocalErrors = 5,
      baseEjectionTime = 30_000,
      maxEjectionTime = 300_000,
    }: OutlierSettings,
    parts: OutlierParts,
    now: () => number,
  ) {
    this.#limits = [consecutive5xx, consecutiveGatewayErrors, consecutiveLocalErrors]
    this.#base = milliseconds(baseEjectionTime)
    this.#longest = Math.max(this.#base, milliseconds(maxEjectionTime))
    this.#parts = parts
    this.#now = now
  }

  isAvailable(): boolean {
    if (!this.#isEjected) return true
    if (this.#now() < this.#until) return false
    this.#isEjected = false
    this.#parts.report('returned')
    this.#parts.onReturn()
    return true
  }

  availableIn(): number {
    return this.#isEjected ? Math.max(0, this.#until - this.#now()) : 0
  }

  /** The head of an answer has come. */
  answered(status: number): void {
    this.#local = 0
    this.#count(status < 500)
    if (status < 500) {
      this.#server = this.#gateway = 0
      return
    }
    const isGateway = status === 502 || status === 503 || status === 504
    this.#gateway = isGateway ? this.#gateway + 1 : 0
    this.#server++
    const [server, gateway] = this.#limits
    if (gateway > 0 && this.#gateway >= gateway) this.eject('consecutive_gateway_errors')
    else if (server > 0 && this.#server >= server) this.eject('consecutive_5xx')
  }

  ended(status: number, failure: string | null): void {
    if (failure === null || failure === 'cancelled') return
    if (status === 0) this.#count(false)
    this.#local++
    const [, , local] = this.#limits
    if (local > 0 && this.#local >= local) this.eject('consecutive_local_errors')
  }

  eject(cause: Cause, details: object = {}): void {
    if (this.#isEjected || !this.#parts.mayEject()) return
    const now = this.#now()
    const healthyFor = Math.max(0, now - this.#until)
    this.#ejections = Math.max(0, this.#ejections - Math.floor(healthyFor / this.#base)) + 1
    const time = Math.min(this.#longest, this.#base * this.#ejections)
    this.#isEjected = true
    this.#until = now + time
    this.#server = this.#gateway = this.#local = 0
    this.#parts.report('ejected', { cause, forMs: time, ...details })
  }

  /** Share of answers below 500 since the last call; null when there were too few requests. */
  takeSuccessRate(least: number): number | null {
    const rate = this.#results < least ? null : this.#successes / this.#results
    this.#results = this.#successes = 0
    return rate
  }

  remember(): object | null {
    return this.#ejections === 0 ? null : { forMs: this.availableIn(), ejections: this.#ejections }
  }

  recall({ forMs = 0, ejections = 0 }: Readonly<Record<string, number>>): void {
    this.#ejections = ejections
    this.#until = this.#now() + Math.min(forMs, this.#longest)
    this.#isEjected = forMs > 0
  }

  describe(): Record<string, unknown> {
    return this.#isEjected
      ? { ejectedForMs: Math.ceil(this.availableIn()), ejections: this.#ejections }
      : { ejections: this.#ejections }
  }

  close(): void {
    this.#parts.closed()
  }

  #count(success: boolean): void {
    this.#results++
    if (success) this.#successes++
    this.#parts.counted?.()
  }
}
