import type { CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { isTighter, type LimitState, retryAfter, stateHeader } from '../../src/limits/limit-headers.ts'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import { LimitDeclaration, limitRules, type LimitRule, type CostDeclaration } from '../../src/limits/limit-schema.ts'
import { type Verdict, isEarly, type RouteStage, RouteStages } from '../../src/limits/limit-stage.ts'
import { storeOf } from '../../src/limits/limit-store.ts'
import { PlanLimits } from '../../src/limits/plan-limits.ts'
import { whenOver } from '../../src/limits/concurrency.ts'
import { sharedWindow, windowStore } from '../../src/limits/shared-window.ts'
import { settle } from '../../src/listener/settle.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * A limit of this route alone, as a hand-written plugin states it; `false` frees it from all, those of plans
     * included.
     */
    limit?: LimitDeclaration | false
    /** For how many requests one counts. Default: 1. */
    cost?: CostDeclaration
    /** Every limit in force, gateway and upstream included; wins over `limit`. */
    limits?: LimitRule[]
  }
  interface FastifyInstance {
    /** The connection that limits are counted over; null when they are counted in memory. */
    redis: Redis | Cluster | null
    /** The limits that consumers bring with them. */
    planLimits: PlanLimits
  }
  interface FastifyRequest {
    /** The tightest limit that has been asked so far. */
    limitState: LimitState | null
  }
}

/** Most keys that one limit remembers in memory. */
const REMEMBERED = 100_000

/**
 * Limits how often a route may be called: by address before authentication, by everything else after it. Rules of one
 * name are one limit, on however many routes.
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
      // not at boot: what only looks at the configuration needs no Redis, and a gateway serves without it
      app.addHook('onListen', async () => {
        shared.client.connect().catch(() => {})
      })
      app.addHook('onClose', async () => shared.close())
    }
    const store = storeOf(shared?.store ?? null, onFailure)
    const registry = new LimitRegistry(REMEMBERED)
    const createLimiter = shared && (await isolatedRateLimit(app, windowStore(store)))
    const stages = new RouteStages(
      store,
      shared !== null,
      createLimiter &&
        ((limit) =>
          sharedWindow(
            limit,
            createLimiter({
              max: limit.rule.max,
              timeWindow: limit.rule.windowMs,
              keyGenerator: limit.keyOf,
              limit,
            } as CreateRateLimitOptions),
          )),
    )
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

/** The plugin in a scope of its own: its own hook on routes sees none, and its limiters are used one by one. */
async function isolatedRateLimit(
  app: FastifyInstance,
  store: ReturnType<typeof windowStore>,
): Promise<FastifyInstance['createRateLimit']> {
  const { default: rateLimit } = await import('@fastify/rate-limit')
  let create!: FastifyInstance['createRateLimit']
  await app.register(async (scope) => {
    await scope.register(rateLimit, { global: false, store })
    create = scope.createRateLimit.bind(scope)
  })
  return create
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

/** Asks a stage without a promise when it can answer at once. */
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
        outcome.then((verdict) => done(answer(stage, verdict, request, reply))),
        reply,
      )
    } else done(answer(stage, outcome, request, reply))
  }
}

/** @returns the refusal, if it is one */
function answer(
  stage: RouteStage,
  verdict: Verdict | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Error | undefined {
  if (verdict === null) return undefined
  const { state, release } = verdict
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
