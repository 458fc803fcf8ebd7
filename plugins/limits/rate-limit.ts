import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { isTighter, type LimitState, retryAfter, stateHeader } from '../../src/limits/limit-headers.ts'
import { type Limit, LimitRegistry } from '../../src/limits/limit-registry.ts'
import { LimitDeclaration, limitRules, type LimitRule, type CostDeclaration } from '../../src/limits/limit-schema.ts'
import {
  type LimitDecision,
  isEarly,
  type RouteStage,
  RouteStages,
  type LimitStage,
} from '../../src/limits/limit-stage.ts'
import type { LimitStore } from '../../src/limits/limit-store.ts'
import { withFallback } from '../../src/limits/redis-fallback.ts'
import { PlanLimits } from '../../src/limits/plan-limits.ts'
import { whenOver } from '../../src/limits/concurrency.ts'
import { sharedWindow, windowStore } from '../../src/limits/shared-window.ts'
import { settle } from '../../src/listener/settle.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * A limit of this route, as a hand-written plugin states it. `false`: no limit applies, not even those of plans.
     */
    limit?: LimitDeclaration | false
    /** How many requests one request counts for. Default: 1. */
    cost?: CostDeclaration
    /** Every limit in force, with those of the gateway and the upstream. Wins over `limit`. */
    limits?: LimitRule[]
  }
  interface FastifyInstance {
    /** The connection for counting limits; null when they are counted in memory. */
    redis: Redis | Cluster | null
    /** The limits of plans and consumers. */
    planLimits: PlanLimits
  }
  interface FastifyRequest {
    /** The tightest limit so far, for the `RateLimit` header. */
    limitState: LimitState | null
  }
}

/** Most keys that one limit keeps in memory. */
const REMEMBERED = 100_000

/**
 * Limits how often a route may be called. Limits by address are counted before authentication, all others after it.
 * Rules with the same name are one limit, on however many routes.
 */
export default fp(
  async (app) => {
    const {
      redis: settings,
      limits: { onFailure },
    } = app.config
    const shared =
      settings === undefined
        ? null
        : (await import('../../src/limits/redis-limit-store.ts')).redisLimits(settings, app.log)
    app.decorate('redis', (shared?.client ?? null) as Redis | null)
    if (shared !== null) {
      // not at boot: commands that only read the configuration need no Redis, and a gateway serves without it
      app.addHook('onListen', async () => {
        shared.client.connect().catch(() => {})
      })
      app.addHook('onClose', async () => shared.close())
    }
    const store = withFallback(shared?.store ?? null, onFailure)
    const registry = new LimitRegistry(REMEMBERED)
    const stages = new RouteStages(store, shared && (await sharedWindows(app, store)))
    const plans = new PlanLimits(app.config, registry)
    app.decorate('planLimits', plans)
    app.decorateRequest('limitState', null)

    /** The limits of a route: those that are counted before authentication, and the others. */
    const limitsOf = (route: RouteOptions) => {
      const { config = {} } = route
      const place = config.upstream ?? placeOf(route)
      const limits = rulesOf(route).map((rule) => registry.limit(rule, place))
      const secured = config.auth !== undefined && config.auth !== 'none'
      const early = secured ? limits.filter(({ rule }) => isEarly(rule)) : []
      const late = limits.filter((limit) => !early.includes(limit))
      const planned = secured && config.limit !== false && !plans.isEmpty
      const costs = stages.costs(route.method, config.cost, planned ? [...limits, ...plans.all] : limits, place)
      return { early, late, planned, costs }
    }
    app.routePhase('addressLimits', (route) => {
      const { early, costs } = limitsOf(route)
      return early.length > 0 ? limitHook(stages.always(early, costs)) : null
    })
    app.routePhase('consumerLimits', (route) => {
      const { early, late, planned, costs } = limitsOf(route)
      if (planned) return limitHook(stages.byConsumer(late, costs, plans, early))
      return late.length > 0 ? limitHook(stages.always(late, costs, early)) : null
    })
  },
  { name: 'rate-limit', dependencies: ['authenticate'] },
)

/**
 * Registers @fastify/rate-limit with our store, for limits in Redis that stand alone on a route.
 *
 * We call its limiters from our phases, and register it in a child scope so that its `onRoute` hook does not see our
 * routes: that hook counts only one limit a request, and sends headers of an older draft. Limits in memory do without
 * it, since it adds 1.4 microseconds of CPU to each request.
 */
async function sharedWindows(app: FastifyInstance, store: LimitStore): Promise<(limit: Limit) => LimitStage> {
  const { default: rateLimit } = await import('@fastify/rate-limit')
  let create!: FastifyInstance['createRateLimit']
  await app.register(async (scope) => {
    await scope.register(rateLimit, { global: false, store: windowStore(store) })
    create = scope.createRateLimit.bind(scope)
  })
  return (limit) => sharedWindow(limit, create)
}

const placeOf = ({ config, url }: RouteOptions): string => config?.publicUrl ?? url

function rulesOf(route: RouteOptions): readonly LimitRule[] {
  const { limits, limit } = route.config ?? {}
  if (limits !== undefined) return limits
  if (limit === undefined || limit === false) return []
  const problems = checkAgainst(LimitDeclaration, limit, placeOf(route))
  if (problems.length > 0) {
    throw new BootProblems(
      problems.map((problem) => ({ ...problem, field: `limit${problem.field ? `.${problem.field}` : ''}` })),
    )
  }
  return limitRules(`route:${[route.method].flat().join(',')} ${placeOf(route)}`, limit)
}

/** Avoids a promise when the limiter answers synchronously (memory store). */
function limitHook(stageFor: (request: FastifyRequest) => RouteStage | null): onRequestHookHandler {
  return (request, reply, done) => {
    const stage = stageFor(request)
    if (stage === null) return done()
    let outcome
    try {
      outcome = stage.ask(request, stage.costOf(request.method))
    } catch (error) {
      return done(error as Error)
    }
    if (outcome instanceof Promise) {
      settle(
        outcome.then((decision) => done(answer(stage, decision, request, reply))),
        reply,
      )
    } else done(answer(stage, outcome, request, reply))
  }
}

/** Sets the headers of a decision. @returns the error when the request is refused */
function answer(
  stage: RouteStage,
  decision: LimitDecision | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Error | undefined {
  if (decision === null) return undefined
  const { state, release } = decision
  if (release !== null) whenOver(request.raw, reply.raw, release)
  reply.header('ratelimit-policy', stage.policy)
  if (state === null) return undefined
  if (request.limitState === null || isTighter(state, request.limitState)) {
    request.limitState = state
    reply.header('ratelimit', stateHeader(state.limit.prefix, state.taken))
  }
  return state.taken.allowed
    ? undefined
    : gatehouseError('GW_RATE_LIMITED', { headers: { 'retry-after': retryAfter(state.taken.retryAfterMs) } })
}
