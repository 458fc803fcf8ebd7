import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { type LimitState, policyHeader, retryAfter, stateHeader, statePrefix, tightest } from '../../src/limits/limit-headers.ts'
import { limitKey } from '../../src/limits/limit-key.ts'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import { LimitDeclaration, type LimitRule } from '../../src/limits/limit-schema.ts'
import { memoryLimitStore } from '../../src/limits/memory-store.ts'
import { connectRedis } from '../../src/limits/redis-client.ts'
import { redisLimitStore } from '../../src/limits/redis-store.ts'
import { milliseconds } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The connection that limits are counted over; null when they are counted in memory. */
    redis: Redis | null
  }
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>
type Counted = Extract<Awaited<ReturnType<Limiter>>, { isAllowed: false }>

/** Most consumers and addresses that one limit remembers in memory. */
const REMEMBERED = 100_000

/** Limits how often consumers and addresses may call. Rules of one name are one limit, on however many routes. */
export default fp(async (app) => {
  const redis = app.config.redis === undefined ? null : connectRedis(app.config.redis, app.log)
  app.decorate('redis', redis?.client ?? null)
  if (redis !== null) {
    // not at boot: what only looks at the configuration needs no Redis, and a gateway serves without it
    app.addHook('onListen', async () => { redis.client.connect().catch(() => {}) })
    app.addHook('onClose', async () => { redis.close() })
  }
  const createLimiter = await isolatedRateLimit(app, app.redis)
  const registry = new LimitRegistry<Limiter>((rule) => createLimiter({
    max: rule.max,
    timeWindow: rule.windowMs,
    keyGenerator: (request) => limitKey(rule, request.consumer, request.ip),
    // for the store
    rule,
  } as CreateRateLimitOptions))

  app.addHook('onRoute', (route) => {
    const place = route.config?.publicUrl ?? route.url
    const rules = route.config?.limits ?? ownRule(route.config?.limit, `route:${[route.method].flat().join(',')} ${place}`, place)
    if (rules.length === 0) return
    const limiters = rules.map((rule) => registry.limiter(rule, route.config?.upstream ?? place))
    route.onRequest = [...[route.onRequest ?? []].flat(), rules.length === 1 ? oneLimit(rules[0]!, limiters[0]!) : allLimits(rules, limiters)]
  })
}, { name: 'rate-limit', dependencies: ['authenticate'] })

/** The plugin in a scope of its own: its own hook on routes sees none, and its limiters are used one by one. */
async function isolatedRateLimit (app: FastifyInstance, redis: Redis | null): Promise<FastifyInstance['createRateLimit']> {
  let create!: FastifyInstance['createRateLimit']
  await app.register(async (scope) => {
    await scope.register(rateLimit, { global: false, skipOnError: true, store: redis === null ? memoryLimitStore(REMEMBERED) : redisLimitStore(redis) })
    create = scope.createRateLimit.bind(scope)
  })
  return create
}

function ownRule (limit: LimitDeclaration | false | undefined, name: string, file: string): LimitRule[] {
  if (limit === undefined || limit === false) return []
  const problems = checkAgainst(LimitDeclaration, limit, file)
  if (problems.length > 0) throw new BootProblems(problems.map((problem) => ({ ...problem, field: `limit${problem.field ? `.${problem.field}` : ''}` })))
  return [{ name, max: limit.max, windowMs: milliseconds(limit.window), by: limit.by ?? 'consumer' }]
}

/** With Redis away nothing has been counted, not even this request, and nothing is claimed of what is left. */
const isUncounted = ({ remaining, max }: Counted): boolean => remaining === max

function answer (reply: FastifyReply, prefix: string, remaining: number, resetSeconds: number, exceeded: boolean): void {
  reply.header('ratelimit', stateHeader(prefix, remaining, resetSeconds))
  if (exceeded) throw gatehouseError('GW_RATE_LIMITED', { headers: { 'retry-after': retryAfter(resetSeconds) } })
}

function oneLimit (rule: LimitRule, limiter: Limiter) {
  const policy = policyHeader([rule])
  const prefix = statePrefix(rule)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const counted = await limiter(request) as Counted
    reply.header('ratelimit-policy', policy)
    if (!isUncounted(counted)) answer(reply, prefix, counted.remaining, counted.ttlInSeconds, counted.isExceeded)
  }
}

function allLimits (rules: readonly LimitRule[], limiters: readonly Limiter[]) {
  const policy = policyHeader(rules)
  const prefixes = new Map(rules.map((rule) => [rule, statePrefix(rule)]))
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const counts = await Promise.all(limiters.map((limiter) => limiter(request))) as Counted[]
    const states: LimitState[] = []
    for (const [i, counted] of counts.entries()) {
      if (!isUncounted(counted)) states.push({ rule: rules[i]!, remaining: counted.remaining, resetSeconds: counted.ttlInSeconds, exceeded: counted.isExceeded })
    }
    reply.header('ratelimit-policy', policy)
    if (states.length === 0) return
    const { rule, remaining, resetSeconds, exceeded } = tightest(states)
    answer(reply, prefixes.get(rule)!, remaining, resetSeconds, exceeded)
  }
}
