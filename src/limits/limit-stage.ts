import type { FastifyRequest } from 'fastify'
import { BootProblems } from '../errors.ts'
import { policyHeader, isTighter, type LimitState } from './limit-headers.ts'
import type { Limit } from './limit-registry.ts'
import { costOf, type CostDeclaration, type LimitRule } from './limit-schema.ts'
import { isConcurrency, type LimitStore, type Taking } from './limit-store.ts'
import type { PlanLimits, PlanSet } from './plan-limits.ts'
import type { KeyedRequest } from './limit-key.ts'
import type { Taken } from './limiter.ts'

/** The cost of a request, by its method. */
type Costs = (method: string) => number

/** The limits of a route that are counted in one phase. */
export interface RouteStage {
  ask: LimitStage
  costOf: Costs
  /** `RateLimit-Policy`: these limits, and those of earlier phases. */
  policy: string
}

type StageFor = (request: FastifyRequest) => RouteStage | null

/** Whether a limit is counted before authentication. */
export const isEarly = ({ by, except }: LimitRule): boolean => by === 'address' && except?.consumers === undefined

/** Composes the limits of routes. */
export class RouteStages {
  readonly #store: LimitStore
  readonly #sharedWindow: ((limit: Limit) => LimitStage) | null

  /**
   * @param sharedWindow  counts a fixed window that stands alone in a shared store; null when the store is memory
   */
  constructor(store: LimitStore, sharedWindow: ((limit: Limit) => LimitStage) | null) {
    this.#store = store
    this.#sharedWindow = sharedWindow
  }

  /**
   * The costs of the requests of a route.
   * @throws BootProblems when a request costs more than a limit ever allows
   */
  costs(method: string | string[], cost: CostDeclaration | undefined, limits: readonly Limit[], file: string): Costs {
    const costs = [method].flat().map((name) => costOf(cost, name))
    const highest = Math.max(...costs)
    const passed = limits.find((limit) => !isConcurrency(limit) && limit.capacity < highest)
    if (passed !== undefined) {
      throw new BootProblems([
        {
          file,
          field: 'cost',
          message: `found ${highest}, which the limit "${passed.rule.name}" never allows: it is ${passed.capacity} at most`,
        },
      ])
    }
    return costs.every((one) => one === highest) ? () => highest : (name) => costOf(cost, name)
  }

  /** The same limits for every request. @param before  the limits of earlier phases */
  always(limits: readonly Limit[], costs: Costs, before: readonly Limit[] = []): StageFor {
    const stage = this.#stage(limits, costs, before)
    return () => stage
  }

  /** The limits of a route with those of the consumer or its plan. */
  byConsumer(limits: readonly Limit[], costs: Costs, plans: PlanLimits, before: readonly Limit[]): StageFor {
    const withoutPlan = limits.length === 0 ? null : this.#stage(limits, costs, before)
    const stages = new Map<PlanSet, RouteStage>()
    return ({ consumer }) => {
      const set = consumer === null ? null : plans.of(consumer)
      if (set === null) return withoutPlan
      let stage = stages.get(set)
      if (stage === undefined) stages.set(set, (stage = this.#stage([...limits, ...set.limits], costs, before)))
      return stage
    }
  }

  #stage(limits: readonly Limit[], costs: Costs, before: readonly Limit[]): RouteStage {
    const policy = policyHeader([...before, ...limits].map(({ rule }) => rule))
    return { ask: this.#ask(limits, costs), costOf: costs, policy }
  }

  #ask(limits: readonly Limit[], costs: Costs): LimitStage {
    const [one, ...others] = limits as [Limit, ...Limit[]]
    if (others.length > 0) return limitStage(limits, this.#store)
    if (this.#sharedWindow === null) return oneInMemory(one)
    const isPlain = one.rule.algorithm === 'fixed' && costs('GET') === 1
    return isPlain ? this.#sharedWindow(one) : limitStage(limits, this.#store)
  }
}

/** The decision of limits about a request. */
export interface LimitDecision {
  /** The tightest limit and its state; null when the store could not count. */
  state: (LimitState & { limit: Limit }) | null
  /** Ends the request, for limits on concurrency; null when there are none. */
  release: (() => void) | null
}

type Outcome = LimitDecision | null | Promise<LimitDecision | null>

/** Counts a request; null when it is exempt from all limits. */
export type LimitStage = (request: KeyedRequest, cost: number) => Outcome

const UNCOUNTED: LimitDecision = { state: null, release: null }

/** Counts against one limit in memory, without promises and lists: the case of most requests. */
export function oneInMemory(limit: Limit, now: () => number = Date.now): LimitStage {
  const { keyOf, isExempt, memory, capacity } = limit
  const concurrent = isConcurrency(limit)
  return (request, cost) => {
    if (isExempt !== null && isExempt(request)) return null
    const key = keyOf(request)
    const taken = memory.take(key, cost, now())
    return {
      state: { limit, capacity, taken },
      release: concurrent && taken.allowed ? () => memory.give(key, 1) : null,
    }
  }
}

/** Counts against several limits, or in a shared store. */
export function limitStage(limits: readonly Limit[], store: LimitStore): LimitStage {
  const mayExempt = limits.some(({ isExempt }) => isExempt !== null)
  return (request, cost) => {
    const asked = mayExempt ? limits.filter(({ isExempt }) => !isExempt?.(request)) : limits
    if (asked.length === 0) return null
    const taking = store.take(
      asked,
      asked.map(({ keyOf }) => keyOf(request)),
      cost,
    )
    return taking instanceof Promise ? taking.then((result) => decisionOf(asked, result)) : decisionOf(asked, taking)
  }
}

function decisionOf(limits: readonly Limit[], taking: Taking | null): LimitDecision {
  if (taking === null) return UNCOUNTED
  let tightest: LimitDecision['state'] = null
  for (let i = 0; i < limits.length; i++) {
    const taken: Taken | null = taking.taken[i]!
    if (taken === null) continue
    const state = { limit: limits[i]!, capacity: limits[i]!.capacity, taken }
    if (tightest === null || isTighter(state, tightest)) tightest = state
  }
  return { state: tightest, release: taking.release }
}
