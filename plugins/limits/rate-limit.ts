import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { gatehouseError } from '../../src/errors.ts'
import { addressKey } from '../../src/limits/address-key.ts'
import { type LimitState, policyHeader, stateHeader, tightest } from '../../src/limits/limit-headers.ts'
import type { LimitDeclaration, LimitRule } from '../../src/limits/limit-schema.ts'
import { connectRedis } from '../../src/limits/redis-client.ts'
import { milliseconds } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The connection that limits are counted over; null when they are counted in memory. */
    redis: Redis | null
  }
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>

/** Most consumers and addresses that one limit remembers in memory. */
const REMEMBERED = 100_000

/** Limits how often consumers and addresses may call. Rules of one name are one limit, on however many routes. */
export default fp(async (app) => {
  const redis = app.config.redis === undefined ? null : connectRedis(app.config.redis, app.log)
  app.decorate('redis', redis)
  if (redis !== null) app.addHook('onClose', async () => { redis.disconnect() })
  const createLimiter = await isolatedRateLimit(app, redis)
  const limiters = new Map<string, Limiter>()

  const limiterOf = (rule: LimitRule): Limiter => {
    let limiter = limiters.get(rule.name)
    if (!limiter) {
      limiter = createLimiter({
        max: rule.max,
        timeWindow: rule.windowMs,
        // the store in Redis is one for all limits, so the key names the limit
        keyGenerator: redis === null ? (request) => keyOf(request, rule) : (request) => `${rule.name}|${keyOf(request, rule)}`,
      } as CreateRateLimitOptions)
      limiters.set(rule.name, limiter)
    }
    return limiter
  }

  app.addHook('onRoute', (route) => {
    const rules = route.config?.limits ?? ownRule(route.config?.limit, `route:${[route.method].flat().join(',')} ${route.url}`)
    if (rules.length === 0) return
    route.onRequest = [...[route.onRequest ?? []].flat(), limitHook(rules, rules.map(limiterOf))]
  })
}, { name: 'rate-limit', dependencies: ['jwt'] })

/** The plugin in a scope of its own: its own hook on routes sees none, and its limiters are used one by one. */
async function isolatedRateLimit (app: FastifyInstance, redis: Redis | null): Promise<FastifyInstance['createRateLimit']> {
  let create!: FastifyInstance['createRateLimit']
  await app.register(async (scope) => {
    await scope.register(rateLimit, { global: false, cache: REMEMBERED, skipOnError: true, ...redis === null ? {} : { redis, nameSpace: 'gatehouse:limit:' } })
    create = scope.createRateLimit.bind(scope)
  })
  return create
}

const ownRule = (limit: LimitDeclaration | false | undefined, name: string): LimitRule[] =>
  limit ? [{ name, max: limit.max, windowMs: milliseconds(limit.window), by: limit.by ?? 'consumer' }] : []

const keyOf = (request: FastifyRequest, { by }: LimitRule): string =>
  by === 'consumer' && request.consumer !== null ? `c:${request.consumer.id}` : `a:${addressKey(request.ip)}`

function limitHook (rules: readonly LimitRule[], limiters: readonly Limiter[]) {
  const policy = policyHeader(rules)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const states: LimitState[] = []
    for (let i = 0; i < limiters.length; i++) {
      const result = await limiters[i]!(request)
      if (result.isAllowed) continue
      states.push({ rule: rules[i]!, remaining: result.remaining, resetSeconds: result.ttlInSeconds, exceeded: result.isExceeded })
    }
    const state = states.length === 1 ? states[0]! : tightest(states)
    reply.header('ratelimit-policy', policy)
    reply.header('ratelimit', stateHeader(state))
    if (state.exceeded) throw gatehouseError('GW_RATE_LIMITED', { headers: { 'retry-after': String(Math.max(1, state.resetSeconds)) } })
  }
}
