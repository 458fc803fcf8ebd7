import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { RedisRevocations, type RevocationRedis } from '../../../src/auth/jwt/token-revocation.ts'
import type { VerifiedToken } from '../../../src/auth/jwt/token-verifier.ts'
import { needsRedis, startRedis, stopRedis } from '../../redis/redis-server.ts'
import { closedPort } from '../../support/backend.ts'

const token = (claims: Record<string, unknown>, id = 'ada'): VerifiedToken => ({
  consumer: { id, scheme: 'jwt', scopes: [], groups: [], claims: { sub: 'ada', ...claims } },
  from: 0,
  until: Infinity,
  key: { key: '', algorithms: [] },
})

async function start(t: TestContext, onFailure: 'open' | 'closed' = 'closed') {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const client = new Redis(port, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true })
  client.on('error', () => {})
  t.after(() => client.disconnect())
  await client.connect()
  const clock = { now: 0 }
  const lines: string[] = []
  const commands: string[][] = []
  const redis: RevocationRedis = {
    get status() {
      return client.status
    },
    connect: () => client.connect(),
    mget: (keys) => {
      commands.push(keys)
      return client.mget(keys)
    },
  }
  const log = {
    info: (text: string) => {
      lines.push(text)
    },
    error: (_: object, text: string) => {
      lines.push(text)
    },
  }
  const revocations = new RedisRevocations({
    redis: () => redis,
    freshMs: 5000,
    onFailure,
    log: log as never,
    now: () => clock.now,
  })
  return { server, client, clock, lines, commands, revocations }
}

test('the keys of a token and of its subjects are read with one command', needsRedis, async (t) => {
  const { client, commands, revocations } = await start(t)
  const ask = (claims: object, id?: string) => revocations.ask(token({ ...claims }, id))
  assert.equal(await ask({ jti: 'j1' }, 'https://a.test|ada'), false)
  assert.deepEqual(commands, [
    ['{gatehouse}:revoked:jti:j1', '{gatehouse}:revoked:sub:ada', '{gatehouse}:revoked:sub:https://a.test|ada'],
  ])
  await client.set('{gatehouse}:revoked:jti:j1', '')
  assert.deepEqual([await ask({ jti: 'j1' }), await ask({ jti: 'j2' }), await ask({})], [true, false, false])
  for (const [value, iat, revoked] of [
    ['', 5, true],
    ['1', 5, true],
    ['1970-01-01T00:16:40Z', 999, true],
    ['1970-01-01T00:16:40Z', 1000, false],
    ['1970-01-01T00:16:40Z', undefined, true],
    ['1970-13-01', 9e9, true],
    ['9e99', 9e9, true],
  ] as const) {
    await client.set('{gatehouse}:revoked:sub:ada', value)
    assert.equal(await ask({ iat }), revoked, `${value} ${iat}`)
  }
})

test('an answer is believed for a while, renewed before it ends, and asked for once by many', needsRedis, async (t) => {
  const { client, clock, commands, revocations } = await start(t)
  const one = token({ jti: 'j1' })
  assert.equal(revocations.peek(one), null)
  assert.deepEqual(await Promise.all([revocations.ask(one), revocations.ask(one)]), [false, false])
  assert.equal(commands.length, 1)
  await client.set('{gatehouse}:revoked:jti:j1', 'x')
  clock.now = 2499
  assert.equal(revocations.peek(one), false)
  assert.equal(commands.length, 1)
  clock.now = 2500
  assert.equal(revocations.peek(one), false, 'the answer at hand')
  assert.equal(revocations.peek(one), false)
  assert.equal(commands.length, 2)
  await revocations.ask(one)
  assert.equal(revocations.peek(one), true)
  clock.now = 7500
  assert.equal(revocations.peek(one), null, 'too old')
})

for (const onFailure of ['closed', 'open'] as const) {
  test(`without Redis: ${onFailure}, told once, and back by itself`, needsRedis, async (t) => {
    const { server, client, lines, revocations } = await start(t, onFailure)
    const port = client.options.port!
    const gone = once(client, 'close')
    await stopRedis(server)
    await gone
    for (let i = 0; i < 3; i++) {
      if (onFailure === 'closed') await assert.rejects(revocations.ask(token({})), { code: 'GW_AUTH_UNAVAILABLE' })
      else assert.equal(await revocations.ask(token({})), false)
    }
    assert.deepEqual(lines, [
      `revocations cannot be read: tokens of which nothing is known ${onFailure === 'open' ? 'pass' : 'are answered 503'}`,
    ])
    const back = new Promise((resolve) => client.once('ready', resolve))
    await startRedis(t, port)
    await back
    await client.set('{gatehouse}:revoked:sub:ada', '')
    assert.equal(await revocations.ask(token({})), true)
    assert.equal(lines[1], 'revocations can be read again')
  })
}
