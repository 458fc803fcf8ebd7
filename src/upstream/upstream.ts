import type { FastifyRequest } from 'fastify'
import type { Balancer } from '../balancer/balancer.ts'
import { RoundRobin } from '../balancer/round-robin.ts'
import { CircuitBreaker } from '../resilience/circuit-breaker.ts'
import { type ConcurrencyLimit, concurrencyLimit } from '../resilience/concurrency-limit.ts'
import { RetryBudget } from '../resilience/retry-budget.ts'
import type { SplitDeclaration } from '../splitting/split-schema.ts'
import { VersionSplit } from '../splitting/version-split.ts'
import type { TargetDeclaration } from './declaration-schema.ts'
import type { DecisionName, ReportDecision } from './decision.ts'
import { Target, type TimeoutSettings } from './target.ts'
import type { TrafficSettings } from './traffic-schema.ts'

/** What an upstream is made of. */
export interface UpstreamParts {
  targets: readonly TargetDeclaration[]
  timeouts: TimeoutSettings
  /** Inherited from the gateway where the upstream does not say. */
  traffic: TrafficSettings
  split?: SplitDeclaration
}

/** A service with its targets: what a route forwards to. */
export class Upstream {
  readonly name: string
  readonly targets: readonly Target[]
  /** Tells of a decision about this upstream. */
  readonly report: (decision: DecisionName, target: Target | null, details?: object) => void
  /** Bounds the retries and hedges of all its routes. */
  readonly retryBudget: RetryBudget
  /** Bounds the requests in flight; null for no bound. */
  readonly concurrency: ConcurrencyLimit | null
  readonly #balancer: Balancer<Target, FastifyRequest>
  readonly #split: VersionSplit | null

  constructor (name: string, { targets, timeouts, traffic, split }: UpstreamParts, report: ReportDecision) {
    this.name = name
    this.report = (decision, target, details) => report(decision, name, target, details)
    this.targets = targets.map((target) => new Target(target, timeouts))
    this.#balancer = new RoundRobin()
    this.#split = split === undefined ? null : new VersionSplit(name, split)
    this.retryBudget = new RetryBudget(traffic.retries)
    this.concurrency = concurrencyLimit(traffic.concurrency, name)
    const { circuitBreaker } = traffic
    if (circuitBreaker) {
      for (const target of this.targets) target.monitors.push(new CircuitBreaker(circuitBreaker, (decision, details) => this.report(decision, target, details)))
    }
  }

  /**
   * The target for the next attempt, or null when there is none to be had.
   * @param tried  targets that this request has failed on already; null for none
   */
  select (request: FastifyRequest, tried: ReadonlySet<Target> | null): Target | null {
    const candidates = this.#candidates(request, tried)
    if (candidates.length < 2) return candidates[0] ?? null
    return this.#balancer.select(candidates, request)
  }

  /** The candidates of the version that the request gets; all, when there are none and others may stand in. */
  #ofVersion (split: VersionSplit, request: FastifyRequest, available: readonly Target[]): readonly Target[] {
    const version = split.versionOf(request)
    const own = available.filter((target) => target.version === version)
    return own.length > 0 || split.strict ? own : available
  }

  /** Whether there is a target to be had among those that have not been tried. */
  hasAvailable (request: FastifyRequest, tried: ReadonlySet<Target> | null): boolean {
    return this.#candidates(request, tried).length > 0
  }

  /** Milliseconds until the first target may be had again, as far as is known. */
  availableIn (): number {
    return this.targets.length === 0 ? 0 : Math.min(...this.targets.map((target) => target.availableIn()))
  }

  #candidates (request: FastifyRequest, tried: ReadonlySet<Target> | null): readonly Target[] {
    const { targets } = this
    // nearly always all can take it, and there is nothing to filter
    const fits = (target: Target): boolean => target.isAvailable() && !tried?.has(target)
    const available = targets.every(fits) ? targets : targets.filter(fits)
    return this.#split === null ? available : this.#ofVersion(this.#split, request, available)
  }

  /** Whether an absolute URL points at one of the targets; its base path comes back, or null. */
  ownBasePath (origin: string): string | null {
    const target = this.targets.find((candidate) => candidate.origin === origin)
    return target ? target.basePath : null
  }

  async close (bound: number): Promise<void> {
    await Promise.all(this.targets.map((target) => target.close(bound)))
  }
}
