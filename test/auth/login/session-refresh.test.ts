import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatehouseError } from '../../../src/errors.ts'
import { type IssuerAnswer, SessionOver } from '../../../src/auth/login/login-issuer.ts'
import { SessionRefresh } from '../../../src/auth/login/session-refresh.ts'

const MINUTE = 60_000
const answer = (more: Partial<IssuerAnswer> = {}): IssuerAnswer => ({
  claims: { sub: 'ada', groups: ['family'] },
  scope: 'openid',
  refreshToken: 'r1',
  idToken: undefined,
  expiresIn: 600,
  ...more,
})

/** A refresher with an issuer that says what a test wants, and a clock that it sets. */
function refresher(say: (token: string) => IssuerAnswer | Error, outageGrace: string | number = '10 minutes') {
  const asked: string[] = []
  const clock = { now: 1_000_000_000_000 }
  const issuer = {
    refresh: async (token: string) => {
      asked.push(token)
      const said = say(token)
      if (said instanceof Error) throw said
      return said
    },
  }
  return {
    asked,
    clock,
    refresh: new SessionRefresh(issuer, { claims: { keep: [] }, outageGrace } as never, () => clock.now),
  }
}
const away = () => gatehouseError('GW_AUTH_UNAVAILABLE')

test('a session is as it is until most of its time has passed; then one request of many refreshes it', async () => {
  const { asked, clock, refresh } = refresher(() =>
    answer({ refreshToken: 'r2', claims: { sub: 'ada', groups: ['staff'] } }),
  )
  const session = refresh.begin(answer())!
  clock.now += 7 * MINUTE
  assert.equal(await refresh.fresh(session), session)
  clock.now += 2 * MINUTE
  const all = await Promise.all(Array.from({ length: 10 }, () => refresh.fresh(session)))
  assert.deepEqual(asked, ['r1'])
  for (const fresh of all) assert.equal(fresh, all[0])
  const [fresh] = all as [typeof session]
  assert.deepEqual(
    [fresh.generation, fresh.refreshToken, fresh.consumer.groups, fresh.started],
    [1, 'r2', ['staff'], session.started],
  )
  assert.equal(await refresh.fresh(session), fresh, 'a request that still brings the one before gets the same')
  assert.equal(await refresh.fresh(fresh), fresh)
  assert.deepEqual(asked, ['r1'])
})

test('a refresh that brings no claims and no token keeps what there was', async () => {
  const { clock, refresh } = refresher(() => answer({ claims: null, refreshToken: undefined }))
  const session = refresh.begin(answer())!
  clock.now += 9 * MINUTE
  const fresh = await refresh.fresh(session)
  assert.deepEqual([fresh.consumer, fresh.refreshToken], [session.consumer, 'r1'])
})

test('while the issuer is away a session goes on for the grace, and it is not asked with each request', async () => {
  const { asked, clock, refresh } = refresher(away)
  const session = refresh.begin(answer())!
  clock.now += 9 * MINUTE
  for (let i = 0; i < 5; i++) assert.equal(await refresh.fresh(session), session)
  assert.equal(asked.length, 1)
  clock.now += 6000
  assert.equal(await refresh.fresh(session), session)
  assert.equal(asked.length, 2)
  clock.now += 12 * MINUTE
  await assert.rejects(refresh.fresh(session), { code: 'GW_AUTH_UNAVAILABLE' })
})

test('a refusal ends the session, and so does the end of its refresh', async () => {
  const { clock, refresh } = refresher(() => new SessionOver('over'))
  const session = refresh.begin(answer())!
  clock.now += 9 * MINUTE
  await assert.rejects(refresh.fresh(session), SessionOver)
})

test('without a refresh token a session lasts as it is', async () => {
  const { asked, clock, refresh } = refresher(away)
  const session = refresh.begin(answer({ refreshToken: undefined }))!
  clock.now += 1000 * MINUTE
  assert.equal(await refresh.fresh(session), session)
  assert.deepEqual(asked, [])
})

test('claims that name nobody begin no session', () => {
  const { refresh } = refresher(away)
  for (const sub of [undefined, '', 7, null]) assert.equal(refresh.begin(answer({ claims: { sub } })), null)
})
