import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authUnavailable } from '../../../src/auth/challenge.ts'
import type { Consumer } from '../../../src/auth/auth-schema.ts'
import { IntrospectionScheme, type ActiveToken } from '../../../src/auth/introspection/introspection-scheme.ts'
import type { AuthRequest } from '../../../src/auth/scheme.ts'

const consumer: Consumer = { id: 'ada', scheme: 'introspection', scopes: [], groups: [], claims: {} }
const shown = (authorization?: string, raw: string[] = []): AuthRequest => ({
  headers: authorization === undefined ? {} : { authorization },
  ip: '::1',
  raw: { rawHeaders: raw },
})

function setUp(answer: (token: string) => ActiveToken | null | Error, settings: object = {}) {
  const asked: string[] = []
  const clock = { now: 0 }
  const scheme = new IntrospectionScheme(
    { cacheFor: '30s', refusedFor: '5s', cacheSize: 10, ...settings },
    async (token) => {
      asked.push(token)
      const found = answer(token)
      if (found instanceof Error) throw found
      return found
    },
    () => clock.now,
  )
  const ask = async (authorization?: string, raw?: string[]) => scheme.authenticate(shown(authorization, raw))
  return { scheme, ask, asked, clock }
}

test('a good token is asked about once in its time, and never past its expiry', async () => {
  const expires = { long: Infinity, short: 10_000 }
  const { ask, asked, clock, scheme } = setUp((token) => ({ consumer, expires: expires[token as 'long'] }))
  for (const token of ['long', 'short']) {
    assert.equal(await ask(`Bearer ${token}`), consumer)
    assert.equal(await ask(`bearer  ${token} `), consumer)
  }
  assert.deepEqual(asked.splice(0), ['long', 'short'])
  clock.now = 9999
  assert.equal(scheme.recall(shown('Bearer short')), consumer)
  clock.now = 10_000
  assert.equal(scheme.recall(shown('Bearer short')), null)
  clock.now = 29_999
  assert.equal(scheme.recall(shown('Bearer long')), consumer)
  clock.now = 30_000
  await ask('Bearer long')
  assert.deepEqual(asked, ['long'])
})

test('the time of an answer begins with the question', async () => {
  let finish!: (found: ActiveToken) => void
  let now = 0
  const scheme = new IntrospectionScheme(
    { cacheFor: '30s', refusedFor: 0, cacheSize: 10 },
    () =>
      new Promise((resolve) => {
        finish = resolve
      }),
    () => now,
  )
  const pending = scheme.authenticate(shown('Bearer t'))
  now = 20_000
  finish({ consumer, expires: Infinity })
  await pending
  now = 30_000
  assert.equal(scheme.recall(shown('Bearer t')), null)
})

test('a bad token is refused for a while without asking, and not for longer', async () => {
  const { ask, asked, clock } = setUp(() => null)
  for (let i = 0; i < 3; i++) {
    await assert.rejects(ask('Bearer t'), { code: 'GW_UNAUTHORIZED', message: /it cannot be verified/ })
  }
  assert.equal(asked.length, 1)
  clock.now = 5000
  await assert.rejects(ask('Bearer t'), { code: 'GW_UNAUTHORIZED' })
  assert.equal(asked.length, 2)
})

test('a flood of bad tokens drives no good one out', async () => {
  const { ask, asked } = setUp((token) => (token === 'good' ? { consumer, expires: Infinity } : null))
  await ask('Bearer good')
  for (let i = 0; i < 50; i++) await assert.rejects(ask(`Bearer bad${i}`))
  await ask('Bearer good')
  assert.equal(asked.filter((token) => token === 'good').length, 1)
})

test('who shows one token at the same time waits for one answer; a failure is not remembered', async () => {
  let fails = true
  const { ask, asked } = setUp(() => (fails ? authUnavailable() : { consumer, expires: Infinity }))
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => ask('Bearer t')))
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason.code === 'GW_AUTH_UNAVAILABLE'))
  assert.equal(asked.length, 1)
  fails = false
  assert.ok((await Promise.all(Array.from({ length: 20 }, () => ask('Bearer t')))).every((found) => found === consumer))
  assert.equal(asked.length, 2)
})

test('with sizes and times of 0 each request is asked about', async () => {
  for (const settings of [{ cacheSize: 0 }, { cacheFor: 0 }]) {
    const { ask, asked } = setUp(() => ({ consumer, expires: Infinity }), settings)
    await ask('Bearer t')
    await ask('Bearer t')
    assert.equal(asked.length, 2)
  }
})

test('only one whole bearer token is asked about', async () => {
  const { ask, asked, scheme } = setUp(() => ({ consumer, expires: Infinity }))
  for (const none of [undefined, '', 'Basic bWU6bWU=', 'Bearerx']) {
    assert.equal(scheme.isPresented(shown(none)), false)
    await assert.rejects(ask(none), {
      code: 'GW_UNAUTHORIZED',
      headers: { 'www-authenticate': 'Bearer realm="gatehouse"' },
    })
  }
  for (const bad of [
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer =',
    'Bearer a=b',
    'Bearer ä',
    'Bearer a&b',
    'Bearer a%20',
    `Bearer ${'x'.repeat(9000)}`,
  ]) {
    await assert.rejects(ask(bad), { code: 'GW_UNAUTHORIZED', message: /it cannot be verified/ }, bad)
    assert.equal(scheme.recall(shown(bad)), null)
  }
  await assert.rejects(ask('Bearer t', ['Authorization', 'Bearer t', 'AUTHORIZATION', 'Bearer u']), {
    code: 'GW_UNAUTHORIZED',
  })
  assert.deepEqual(asked, [])
  await ask('Bearer A-z.0~_+/==')
  assert.deepEqual(asked, ['A-z.0~_+/=='])
})
