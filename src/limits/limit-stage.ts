import type { FastifyRequest } from 'fastify'
import { BootProblems } from '../errors.ts'
import { policyHeader, isTighter, type LimitState } from './limit-headers.ts'
import type { Limit } from './limit-registry.ts'
import { costOf, type CostDeclaration, type LimitRule } from './limit-schema.ts'
import { isConcurrency, type LimitStore, type Taking } from './limit-store.ts'
import type { PlanLimits, PlanSet } from './plan-limits.ts'
import type { KeyedRequest } from './limit-key.ts'
import type { Taken } from './limiter.ts'

/** What a request of a method costs. */
type Costs = (method: string) => number

/** The limits that a route asks at one point of a request's way. */
export interface RouteStage {
  ask: LimitStage
  costOf: Costs
  /** `RateLimit-Policy`: these limits, and those asked before. */
  policy: string
}

type StageFor = (request: FastifyRequest) => RouteStage | null

/** Whether a limit is asked before anybody knows who is calling. */
export const isEarly = ({ by, except }: LimitRule): boolean => by === 'address' && except?.consumers === undefined

/** Puts the limits of routes together. */
export class RouteStages {
  readonly #store: LimitStore
  readonly #shared: boolean
  readonly #lone: ((limit: Limit) => LimitStage) | null

  /**
   * @param shared  whether the store is one that gateways share
   * @param lone    asks a fixed window that stands alone there
   */
  constructor(store: LimitStore, shared: boolean, lone: ((limit: Limit) => LimitStage) | null) {
    this.#store = store
    this.#shared = shared
    this.#lone = lone
  }

  /**
   * What requests of a route cost.
   * @throws BootProblems when it is more than a limit ever allows
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

  /** @param before  what has been asked before */
  always(limits: readonly Limit[], costs: Costs, before: readonly Limit[] = []): StageFor {
    const stage = this.#stage(limits, costs, before)
    return () => stage
  }

  /** The limits of a route with those that the consumer brings along. */
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
    if (!this.#shared) return oneInMemory(one)
    const isPlain = one.rule.algorithm === 'fixed' && costs('GET') === 1
    return isPlain && this.#lone !== null ? this.#lone(one) : limitStage(limits, this.#store)
  }
}

/** What the limits say of a request. */
export interface Verdict {
  /** The tightest of them with what it says; null when nobody could count. */
  state: (LimitState & { limit: Limit }) | null
  /** Says that the request is over; null when no limit wants to know. */
  release: (() => void) | null
}

type Outcome = Verdict | null | Promise<Verdict | null>

/** Asks the limits of a request; null when none of them is about it. */
export type LimitStage = (request: KeyedRequest, cost: number) => Outcome

/** What happened to a request that nobody could count. */
const UNCOUNTED: Verdict = { state: null, release: null }

/** Asks one limit in memory: the way of most requests, without a promise or a list. */
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

/** Asks several limits, or one that is not in memory. */
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
    return taking instanceof Promise ? taking.then((result) => verdictOf(asked, result)) : verdictOf(asked, taking)
  }
}

function verdictOf(limits: readonly Limit[], taking: Taking | null): Verdict {
  if (taking === null) return UNCOUNTED
  let tightest: Verdict['state'] = null
  for (let i = 0; i < limits.length; i++) {
    const taken: Taken | null = taking.taken[i]!
    if (taken === null) continue
    const state = { limit: limits[i]!, capacity: limits[i]!.capacity, taken }
    if (tightest === null || isTighter(state, tightest)) tightest = state
  }
  return { state: tightest, release: taking.release }
}
