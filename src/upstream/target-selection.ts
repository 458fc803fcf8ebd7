import { type Balancer, firstLevel } from '../traffic/balancing/balancer.ts'
import type { VersionSplit } from '../traffic/splitting/canary-split.ts'
import type { ClientRequest, TargetGroup } from './outgoing-request.ts'
import type { Target } from './target.ts'

/** How an upstream chooses among its targets. */
export interface SelectionRules {
  balancer: Balancer<Target>
  /** Null when there is one version of the service only. */
  split: VersionSplit | null
  /** Per cent of healthy targets below which health is ignored; 0 for never. */
  panicBelow: number
  report: TargetGroup['report']
}

/**
 * Finds the targets of an upstream that can take a request, and chooses one of them. What a target is made of, such as
 * its health, breaker and weight, stands behind `isAvailable` and `hasRoom`.
 */
export class TargetSelection {
  /** The known targets; replaced as a whole. */
  targets: readonly Target[] = []
  isPanicking = false
  readonly #rules: SelectionRules
  #hasBackups = false

  constructor(rules: SelectionRules) {
    this.#rules = rules
  }

  replaceTargets(targets: readonly Target[]): void {
    this.targets = targets
    this.#hasBackups = targets.some(({ priority }) => priority !== targets[0]!.priority)
  }

  /** The target for the next attempt; null for none. @param tried  targets that the request has failed on */
  select(request: ClientRequest, tried: ReadonlySet<Target> | null): Target | null {
    const candidates = this.candidates(request, tried, true)
    if (candidates.length < 2) return candidates[0] ?? null
    return this.#rules.balancer.select(candidates, request)
  }

  /**
   * The available targets of the request's version and of the first priority.
   * @param room  whether full targets are left out
   */
  candidates(request: ClientRequest, tried: ReadonlySet<Target> | null, room: boolean): readonly Target[] {
    const { targets } = this
    const { split, panicBelow } = this.#rules
    const panic = panicBelow > 0 && this.#panics()
    const fits = (target: Target): boolean =>
      (target.hasRoom || !room) && target.isAvailable(panic) && !tried?.has(target)
    // nearly always all targets fit, and the list stays as it is
    const available = targets.every(fits) ? targets : targets.filter(fits)
    const own = split === null ? available : ofVersion(split, request, available)
    return this.#hasBackups ? firstLevel(own) : own
  }

  /** Milliseconds until a target is available again, as far as is known. */
  availableIn(): number {
    return this.targets.length === 0 ? 0 : Math.min(...this.targets.map((target) => target.availableIn()))
  }

  /** The version of the service that a request gets; null when there is only one. */
  versionOf(request: ClientRequest): string | null {
    return this.#rules.split === null ? null : this.#rules.split.versionOf(request)
  }

  /** Whether so few targets are healthy that health is ignored. */
  #panics(): boolean {
    const { panicBelow, report } = this.#rules
    const healthy = this.targets.reduce((count, target) => (target.isHealthy() ? count + 1 : count), 0)
    const panics = healthy * 100 < panicBelow * this.targets.length
    if (panics !== this.isPanicking) {
      this.isPanicking = panics
      report(panics ? 'panic' : 'panic_over', null, { healthy, targets: this.targets.length })
    }
    return panics
  }
}

/** The targets of the request's version. When there are none, all others, unless the split is strict. */
function ofVersion(split: VersionSplit, request: ClientRequest, available: readonly Target[]): readonly Target[] {
  const version = split.versionOf(request)
  const own = available.filter((target) => target.version === version)
  return own.length > 0 || split.strict ? own : available
}
