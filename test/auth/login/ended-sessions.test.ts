import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndedSessions, type EndedSessionsRedis } from '../../../src/auth/login/ended-sessions.ts'

const HOUR = 3_600_000
const lines = () => {
  const told: string[] = []
  const tell = (_: object, message?: string): void => {
    told.push(message ?? String(_))
  }
  return { told, log: { info: tell, warn: tell, error: tell } as never }
}

test('an ended session is remembered until it would have ended anyway', () => {
  let now = 1_000_000
  const ended = new EndedSessions({ log: lines().log, now: () => now })
  ended.end('one', now + HOUR)
  ended.end('over already', now)
  assert.deepEqual(
    [ended.has('one', now + HOUR), ended.has('two', now + HOUR), ended.has('over already', now)],
    [true, false, false],
  )
  now += HOUR
  assert.equal(ended.has('one', now), false)
})

test('the number of ended sessions is bounded, and the log says once that it is reached', () => {
  const { told, log } = lines()
  const ended = new EndedSessions({ log, now: () => 0 })
  for (let i = 0; i <= 100_001; i++) ended.end(`s${i}`, HOUR)
  assert.deepEqual(
    [ended.knows('s0'), ended.knows('s1'), ended.knows('s2'), ended.knows('s100001')],
    [false, false, true, true],
  )
  assert.equal(told.length, 1)
})

test('an answer of Redis is believed for five seconds, one question is put for all requests at once, and an outage ends nothing', async () => {
  let now = 1_000_000
  const stored = new Set<string>()
  const asked: string[] = []
  const redis = {
    status: 'ready',
    connect: async () => {},
    exists: async (key: string) => {
      asked.push(key)
      return stored.has(key) ? 1 : 0
    },
    set: async (key: string) => {
      stored.add(key)
    },
  } satisfies EndedSessionsRedis
  const { told, log } = lines()
  const ended = new EndedSessions({ redis: () => redis, log, now: () => now })
  assert.deepEqual(await Promise.all([ended.has('a', now + HOUR), ended.has('a', now + HOUR)]), [false, false])
  assert.equal(asked.length, 1)
  stored.add('{gatehouse}:ended-session:a')
  assert.equal(ended.has('a', now + HOUR), false, 'believed')
  now += 5000
  assert.equal(await ended.has('a', now + HOUR), true)
  redis.status = 'reconnecting'
  assert.equal(ended.has('a', now + HOUR), true, 'known here by now')
  assert.equal(await ended.has('b', now + HOUR), false)
  ended.end('c', now + HOUR)
  assert.equal(ended.has('c', now + HOUR), true)
  assert.equal(told.length, 1)
  redis.status = 'ready'
  assert.equal(await ended.has('d', now + HOUR), false)
  assert.ok(stored.has('{gatehouse}:ended-session:c'), 'written once Redis is back')
})
