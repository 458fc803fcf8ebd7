import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../src/auth/auth-schema.ts'
import { authUnavailable, missingCredentials } from '../../src/auth/challenge.ts'
import { FailedAttempts } from '../../src/auth/failed-attempts.ts'
import type { AuthRequest, AuthScheme } from '../../src/auth/scheme.ts'

const request = (password: string, { ip = '192.0.2.1', user = '' } = {}): AuthRequest => ({
  ip,
  headers: { password, user },
  raw: { rawHeaders: [] },
})

/** A scheme that answers when the test says so, in the order in which it was asked. */
function scheme({ accounts = false } = {}) {
  const asked: { password: string; end: () => void }[] = []
  const made: AuthScheme = {
    name: 'basic',
    credentials: {},
    isPresented: () => true,
    ...(accounts ? { account: ({ headers }: AuthRequest) => String(headers.user) } : {}),
    authenticate: ({ headers }) =>
      new Promise<Consumer>((resolve, reject) => {
        const password = String(headers.password)
        asked.push({
          password,
          end: () => {
            if (password === 'good') resolve({ id: 'x', scheme: 'basic', scopes: [], groups: [], claims: {} })
            else reject(password === 'away' ? authUnavailable() : missingCredentials([]))
          },
        })
      }),
  }
  return { made, asked, end: () => asked.shift()!.end() }
}

function setUp({ max, accounts = false }: { max: number; accounts?: boolean }) {
  const clock = { now: 1_000_000 }
  const pauses: number[] = []
  const failures = new FailedAttempts({ max, windowMs: 60_000 }, (ip) => ip, {
    now: () => clock.now,
    pause: async (ms) => {
      pauses.push(ms)
    },
  })
  const { made, asked, end } = scheme({ accounts })
  const watch = async (password: string, more = {}): Promise<string> => {
    try {
      return (await failures.watch(request(password, more), made)).id
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  return { clock, pauses, watch, asked, end }
}

/** Lets everything happen that waits for nothing else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('attempts in flight are reserved: past the bound requests wait, and start when one succeeds', async () => {
  const { watch, asked, end } = setUp({ max: 2 })
  const answers = [watch('good'), watch('good'), watch('good')]
  await settled()
  assert.equal(asked.length, 2)
  end()
  assert.equal(await answers[0], 'x')
  await settled()
  assert.equal(asked.length, 2, 'the third one has started')
  end()
  end()
  assert.deepEqual(await Promise.all(answers), ['x', 'x', 'x'])
})

test('what waits is refused at once when the failures before it use up the bound', async () => {
  const { watch, asked, end } = setUp({ max: 2 })
  const answers = [watch('bad'), watch('bad'), watch('good'), watch('good')]
  await settled()
  end()
  end()
  assert.deepEqual(await Promise.all(answers), [
    'GW_UNAUTHORIZED',
    'GW_UNAUTHORIZED',
    'GW_TOO_MANY_FAILURES',
    'GW_TOO_MANY_FAILURES',
  ])
  assert.equal(asked.length, 0)
  assert.equal(await watch('good'), 'GW_TOO_MANY_FAILURES')
})

test('an error that says nothing about the credentials gives its reservation back', async () => {
  const { watch, end } = setUp({ max: 1 })
  for (let i = 0; i < 5; i++) {
    const answer = watch('away')
    end()
    assert.equal(await answer, 'GW_AUTH_UNAVAILABLE')
  }
  const answer = watch('good')
  end()
  assert.equal(await answer, 'x')
})

test('a failure that ends after its window counts in the next one', async () => {
  const { clock, watch, end } = setUp({ max: 1 })
  const late = watch('bad')
  clock.now += 60_000
  end()
  assert.equal(await late, 'GW_UNAUTHORIZED')
  assert.equal(await watch('good'), 'GW_TOO_MANY_FAILURES')
  clock.now += 60_000
  const answer = watch('good')
  end()
  assert.equal(await answer, 'x')
})

test('requests that wait for the outcome of others are bounded in number and in time', async () => {
  const { clock, watch, end } = setUp({ max: 1 })
  const first = watch('away')
  const waiting = Array.from({ length: 1001 }, () => watch('away'))
  assert.equal(await waiting[1000], 'GW_AUTH_UNAVAILABLE')
  clock.now += 60_001
  end()
  assert.equal(await first, 'GW_AUTH_UNAVAILABLE')
  await settled()
  // the first one that waits has started; all others have waited too long
  assert.deepEqual(new Set(await Promise.all(waiting.slice(1))), new Set(['GW_AUTH_UNAVAILABLE']))
  end()
  assert.equal(await waiting[0], 'GW_AUTH_UNAVAILABLE')
})

test('an account under attack from many addresses is slowed down, not locked, and not for those that have used it before', async () => {
  const { clock, pauses, watch, end } = setUp({ max: 1, accounts: true })
  const send = async (password: string, ip: string) => {
    const answer = watch(password, { ip, user: 'ada' })
    await settled()
    end()
    return answer
  }
  assert.equal(await send('good', 'home'), 'x')
  for (let i = 0; i < 10; i++) assert.equal(await send('bad', `bot-${i}`), 'GW_UNAUTHORIZED')
  assert.deepEqual(pauses, [])
  for (let i = 10; i < 13; i++) assert.equal(await send('bad', `bot-${i}`), 'GW_UNAUTHORIZED')
  assert.deepEqual(pauses, [1000, 2000], 'a second between two attempts')
  assert.equal(await send('good', 'home'), 'x')
  assert.equal(pauses.length, 2, 'its owner does not wait')
  assert.equal(await send('good', 'abroad'), 'x', 'nor is it locked for others')
  for (let i = 0; i < 7; i++) await send('bad', `more-${i}`)
  assert.equal(await watch('bad', { ip: 'last', user: 'ada' }), 'GW_TOO_MANY_FAILURES', 'no more than ten wait')
  assert.equal(await send('good', 'home'), 'x')
  const other = watch('good', { ip: 'bot-1', user: 'bob' })
  end()
  assert.equal(await other, 'x', 'other accounts are not concerned')
  clock.now += 120_000
  const answers = pauses.length
  assert.equal(await send('good', 'far'), 'x')
  assert.equal(pauses.length, answers)
})
