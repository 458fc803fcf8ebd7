import { Dispatcher } from 'undici'
import type { Balancer } from '../traffic/balancing/balancer.ts'
import { balanceText } from '../traffic/balancing/balancer-schema.ts'
import { balancerOf } from '../traffic/balancing/policy.ts'
import { StickySession } from '../traffic/balancing/sticky-session.ts'
import { WaitQueue } from '../traffic/balancing/wait-queue.ts'
import { CircuitBreaker } from '../traffic/resilience/circuit-breaker.ts'
import { type ConcurrencyLimit, concurrencyLimit } from '../traffic/resilience/concurrency-limit.ts'
import { hedgePolicy } from '../traffic/resilience/hedge-policy.ts'
import { RetryBudget, retryPolicy } from '../traffic/resilience/retry-policy.ts'
import type { SplitDeclaration } from '../traffic/splitting/split-schema.ts'
import { VersionSplit } from '../traffic/splitting/canary-split.ts'
import { milliseconds } from '../units.ts'
import { AttemptLoop } from './attempt-loop.ts'
import type { ConnectionPools } from './connection-pool.ts'
import type {
  AnswerHandler,
  ClientRequest,
  DecisionName,
  OutgoingRequest,
  SendPlan,
  TargetGroup,
} from './outgoing-request.ts'
import { outgoingRequest, PluginHandler, refuseDispatch } from './plugin-dispatch.ts'
import { Target, type TimeoutSettings } from './target.ts'
import { targetChanges } from './target-changes.ts'
import { TargetSelection } from './target-selection.ts'
import type { TargetSource } from './target-source.ts'
import type { TrafficSettings } from '../config/traffic-schema.ts'
import { healthWatch, watchedText } from './watch-health.ts'

/** Reports a decision: one log line and one count. @param target  null for the upstream as a whole */
export type ReportDecision = (
  decision: DecisionName,
  upstream: string,
  target: Pick<Target, 'id'> | null,
  details?: object,
) => void

/** What an upstream is made of. */
export interface UpstreamParts {
  source: TargetSource
  /** Inherited from the gateway where the upstream does not say. */
  traffic: TrafficSettings
  timeouts: TimeoutSettings
  split?: SplitDeclaration
  /** Public prefix of the routes. */
  path: string
  /** Signs the cookies that keep clients with their targets. */
  stickySecret?: string
}

/**
 * A service with its targets: what a route forwards to. It is an undici dispatcher: `dispatch` selects a target, sends,
 * judges, tries again, and gives the handler the one answer that counts.
 */
export class Upstream extends Dispatcher implements TargetGroup {
  readonly name: string
  /** Reports a decision about this upstream: one log line and one count. */
  readonly report: (decision: DecisionName, target: Target | null, details?: object) => void
  /** Bounds the retries and hedges of all its routes. */
  readonly retryBudget: RetryBudget
  /** Bounds the requests in flight; null for no bound. */
  readonly concurrency: ConcurrencyLimit | null
  /** What watches the health of its targets, in words. */
  readonly watched: readonly string[]
  /** Its policy in words. */
  readonly balance: string
  /** Sticky sessions; null for none. */
  readonly affinity: StickySession<Target> | null
  /** Requests that wait for room at a target; null when none may. */
  readonly queue: WaitQueue | null
  readonly #balancer: Balancer<Target>
  readonly #selection: TargetSelection
  readonly #source: TargetSource
  readonly #pools: ConnectionPools
  /** Gives a new target its monitors. */
  readonly #watch: (target: Target) => void
  #discovered: Promise<void> | undefined
  #started = false
  /** How requests of plugins are sent. */
  readonly #plan: SendPlan

  constructor(
    name: string,
    { source, traffic, timeouts, split, path, stickySecret }: UpstreamParts,
    report: ReportDecision,
    pools: ConnectionPools,
  ) {
    super()
    this.name = name
    this.report = (decision, target, details) => report(decision, name, target, details)
    this.#source = source
    this.#pools = pools
    this.#balancer = balancerOf<Target>(traffic.balance, { upstream: name, path, secret: stickySecret })
    this.balance = balanceText(traffic.balance)
    this.affinity = this.#balancer instanceof StickySession ? this.#balancer : null
    this.#selection = new TargetSelection({
      balancer: this.#balancer,
      split: split === undefined ? null : new VersionSplit(name, split),
      panicBelow: traffic.panicThreshold ?? 0,
      report: this.report,
    })
    this.retryBudget = new RetryBudget(traffic.retries)
    this.concurrency = concurrencyLimit(traffic.concurrency)
    this.watched = watchedText(traffic)
    this.#plan = {
      upstream: this,
      timeouts,
      retry: retryPolicy(traffic.retries),
      hedge: hedgePolicy(traffic.hedging),
      preserveHost: false,
      fixedHost: null,
    }
    this.queue = traffic.queue
      ? new WaitQueue(traffic.queue.max ?? 100, milliseconds(traffic.queue.timeout ?? '5s'), () =>
          this.targets.some((target) => target.hasRoom && target.isAvailable()),
        )
      : null
    this.#watch = this.#watcher(traffic)
    this.#takeTargets()
  }

  /** Sends a request that a route has prepared. */
  override dispatch(request: OutgoingRequest, handler: AnswerHandler): boolean
  /**
   * Sends the request of a plugin, which gives the upstream to undici as its `dispatcher`. Balancing, retries, hedging,
   * breaker, queue and timeouts apply as stated by the upstream. What belongs to routes does not: authentication, rate
   * limits, cache, header rules, fallback. Credentials go to the service as the plugin states them.
   */
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean
  override dispatch(
    request: OutgoingRequest | Dispatcher.DispatchOptions,
    handler: AnswerHandler | Dispatcher.DispatchHandler,
  ): boolean {
    if ('plan' in request) new AttemptLoop(request, handler as AnswerHandler).start()
    else this.#dispatchForPlugin(request, handler as Dispatcher.DispatchHandler)
    return true
  }

  #dispatchForPlugin(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    let outgoing: OutgoingRequest
    try {
      outgoing = outgoingRequest(options, this.#plan, (origin) => this.ownBasePath(origin))
    } catch (error) {
      return refuseDispatch(handler, error)
    }
    new AttemptLoop(outgoing, new PluginHandler(handler)).start()
  }

  #watcher(traffic: TrafficSettings): (target: Target) => void {
    const { circuitBreaker } = traffic
    const watchHealth = healthWatch(traffic, (decision, target, details) => this.report(decision, target, details))
    const seesEnd = this.queue === null ? null : { ended: () => this.queue!.offer() }
    return (target) => {
      watchHealth(target)
      if (circuitBreaker) {
        target.monitors.push(
          new CircuitBreaker(circuitBreaker, (decision, details) => this.report(decision, target, details)),
        )
      }
      const watch = this.#balancer.watch?.(target)
      if (watch !== undefined) target.monitors.push(watch)
      // after the others: they have judged the target when the next request asks
      if (seesEnd !== null) target.monitors.push(seesEnd)
    }
  }

  /** Starts target discovery (DNS, SRV, file) and keeps it running. Resolves after the first lookup. */
  discover(): Promise<void> {
    return (this.#discovered ??= this.#source.start(() => {
      const hadOthers = this.targets.length > 0
      const { added, removed } = this.#takeTargets()
      for (const target of added) {
        if (this.#started && hadOthers) target.slowStart?.begin()
        this.report('target_added', target)
      }
      for (const target of removed) {
        this.report('target_removed', target)
        target.close().catch(() => {})
      }
      this.queue?.offer()
    }))
  }

  /** Takes over the list of the source. Targets that stay keep their state. */
  #takeTargets(): { added: Target[]; removed: Target[] } {
    const changes = targetChanges(this.targets, this.#source.targets, (settings) => new Target(settings, this.#pools))
    for (const target of changes.added) this.#watch(target)
    this.#selection.replaceTargets(changes.targets)
    if (this.#started) startMonitors(changes.added)
    return changes
  }

  /** The known targets; replaced as a whole. */
  get targets(): readonly Target[] {
    return this.#selection.targets
  }

  /** The target for the next attempt; null for none. @param tried  targets that the request has failed on */
  select(request: ClientRequest, tried: ReadonlySet<Target> | null): Target | null {
    return this.#selection.select(request, tried)
  }

  /** Whether the request finds no target only because all that it could have are full. */
  isFull(request: ClientRequest): boolean {
    return this.hasAvailable(request, null)
  }

  /** Whether a target that has not been tried is available, now or once it has room. */
  hasAvailable(request: ClientRequest, tried: ReadonlySet<Target> | null): boolean {
    return this.#selection.candidates(request, tried, false).length > 0
  }

  /** Milliseconds until a target is available again, as far as is known. */
  availableIn(): number {
    return this.#selection.availableIn()
  }

  /** The version of the service that a request gets; null when there is only one. */
  versionOf(request: ClientRequest): string | null {
    return this.#selection.versionOf(request)
  }

  /** Whether a target gets requests. */
  isServing(target: Target): boolean {
    return target.isAvailable(this.#selection.isPanicking)
  }

  /** Starts the health checks and other monitors of the targets. */
  start(): void {
    this.#started = true
    startMonitors(this.targets)
  }

  /** Its state, for operators. */
  describe(): Record<string, unknown> {
    const { name, balance, concurrency, queue } = this
    return {
      name,
      balance,
      panic: this.#selection.isPanicking,
      ...(concurrency === null ? {} : { limit: concurrency.limit }),
      ...(queue === null ? {} : { waiting: queue.size }),
      targets: this.targets.map((target) => target.describe(this.#selection.isPanicking)),
    }
  }

  /** The base path of the target with this origin; null when there is none. */
  ownBasePath(origin: string): string | null {
    const target = this.targets.find((candidate) => candidate.origin === origin)
    return target ? target.basePath : null
  }

  /** Closes the connections, once the requests in flight are done. The gateway does this when it stops. */
  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    const closed = this.#close()
    if (callback === undefined) return closed
    closed.finally(callback).catch(() => {})
  }

  /** The same: connections may be shared with other upstreams, so that requests in flight are not cut. */
  override destroy(error?: Error | null | (() => void), callback?: () => void): any {
    const done = typeof error === 'function' ? error : callback
    return done === undefined ? this.close() : this.close(done)
  }

  async #close(): Promise<void> {
    this.#source.close()
    this.queue?.close()
    await Promise.all(this.targets.map((target) => target.close()))
  }
}

function startMonitors(targets: readonly Target[]): void {
  for (const { monitors } of targets) for (const monitor of monitors) monitor.start?.()
}
