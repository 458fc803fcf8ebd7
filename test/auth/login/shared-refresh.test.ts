import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Redis } from 'ioredis'
import { type IssuerAnswer, SessionOver } from '../../../src/auth/login/login-issuer.ts'
import { SessionSeal } from '../../../src/auth/login/login-session.ts'
import { SessionRefresh, type RefreshRedis, SharedRefresh } from '../../../src/auth/login/session-refresh.ts'
import { needsRedis, startRedisClient } from '../../redis/redis-server.ts'

const seal = new SessionSeal({
  issuer: 'https://id.example',
  clientId: 'gateway',
  sessionSecret: 'a secret for sessions of tests, long enough',
})
const answer = (refreshToken: string): IssuerAnswer => ({
  claims: { sub: 'ada' },
  scope: 'openid',
  refreshToken,
  idToken: undefined,
  expiresIn: 600,
})

let client: Redis | null = null
let stop = async (): Promise<void> => {}
before(async () => {
  if (!needsRedis.skip) ({ client, stop } = await startRedisClient())
})
after(() => stop())

/** Two gateways, and an issuer that takes each refresh token once and the second use for a theft. */
function gateways(redis: () => RefreshRedis | null) {
  const used = new Set<string>()
  const issuer = {
    refresh: async (token: string): Promise<IssuerAnswer> => {
      // the other gateway gets its chance
      await new Promise((resolve) => setImmediate(resolve))
      if (used.has(token)) throw new SessionOver('stolen')
      used.add(token)
      return answer(`after ${token}`)
    },
  }
  const clock = { now: 1_000_000_000_000 }
  const make = () =>
    new SessionRefresh(
      issuer,
      { claims: { keep: [] }, outageGrace: 0 } as never,
      () => clock.now,
      new SharedRefresh(redis, seal, 60_000),
    )
  return { clock, used, one: make(), two: make() }
}

test('of several gateways one refreshes a session, and all go on with it', needsRedis, async () => {
  const { clock, used, one, two } = gateways(() => client as RefreshRedis | null)
  const session = one.begin(answer('first'))!
  clock.now += 540_000
  const all = await Promise.all([one, two, one, two].map((gateway) => gateway.fresh(session)))
  assert.deepEqual([...used], ['first'])
  assert.deepEqual(
    new Set(all.map(({ refreshToken, generation }) => `${generation} ${refreshToken}`)),
    new Set(['1 after first']),
  )
  assert.equal((await two.fresh(session)).generation, 1, 'also when the session of before comes late')
  const kept = await client!.get(`{gatehouse}:session-refresh:${session.id}.0`)
  assert.ok(kept !== null && !kept.includes('first'), 'what stands in Redis is sealed')
})

test('a gateway whose refresh fails leaves it to the others', needsRedis, async () => {
  const { clock, used, one, two } = gateways(() => client as RefreshRedis | null)
  const session = one.begin(answer('second'))!
  clock.now += 540_000
  used.add('second')
  await assert.rejects(one.fresh(session), SessionOver)
  used.delete('second')
  assert.equal((await two.fresh(session)).generation, 1)
})

test('while Redis is away each gateway refreshes by itself', async () => {
  const { clock, one } = gateways(() => null)
  const session = one.begin(answer('third'))!
  clock.now += 540_000
  assert.equal((await one.fresh(session)).generation, 1)
})
