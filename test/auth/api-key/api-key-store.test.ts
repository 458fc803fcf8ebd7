import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ApiKey, compileApiKeys } from '../../../src/auth/api-key/api-key.ts'
import { digestOf, indexOf } from '../../../src/auth/api-key/api-key-hash.ts'
import { fieldOf, RedisKeys, REDIS_KEYS } from '../../../src/auth/api-key/api-key-store.ts'

/** What stands in for the client: the contract with a real one is in test/plugins/auth/api-key.test.ts. */
function setUp() {
  const clock = { now: 0 }
  const entries = new Map<string, string>()
  const client = {
    status: 'ready',
    asked: 0,
    connects: 0,
    async connect() {
      client.connects++
      client.status = client.reachable ? 'ready' : 'reconnecting'
      if (!client.reachable) throw new Error('ECONNREFUSED')
    },
    reachable: true,
    async hget(hash: string, field: string) {
      client.asked++
      assert.equal(hash, REDIS_KEYS)
      return entries.get(field) ?? null
    },
  }
  const put = (key: string, name = key): void => {
    entries.set(fieldOf(indexOf(digestOf(key))), JSON.stringify({ name, sha256: digestOf(key).toString('hex') }))
  }
  const keys = new RedisKeys({
    redis: () => client,
    read: (text): ApiKey | null => {
      try {
        return [...compileApiKeys([JSON.parse(text)], 'Redis').values()][0]!
      } catch {
        return null
      }
    },
    refreshMs: 10,
    graceMs: 100,
    now: () => clock.now,
  })
  return {
    clock,
    entries,
    client,
    put,
    find: async (key: string) => (await keys.find(indexOf(digestOf(key))))?.consumer.id,
    peek: (key: string) => keys.peek(indexOf(digestOf(key)))?.consumer.id,
  }
}

test('a key is read once in a while, and not known before', async () => {
  const { clock, client, put, find, peek } = setUp()
  put('one')
  assert.equal(peek('one'), undefined)
  assert.equal(await find('one'), 'one')
  clock.now = 9
  assert.equal(await find('one'), 'one')
  assert.equal(peek('one'), 'one')
  assert.equal(client.asked, 1)
  clock.now = 10
  assert.equal(peek('one'), undefined)
  assert.equal(await find('one'), 'one')
  assert.equal(client.asked, 2)
})

test('a revoked key is gone with the next look; a missing one is looked for each time', async () => {
  const { clock, entries, client, put, find } = setUp()
  put('one')
  await find('one')
  entries.clear()
  clock.now = 10
  assert.equal(await find('one'), undefined)
  assert.equal(await find('one'), undefined)
  assert.equal(client.asked, 3)
  client.status = 'close'
  await assert.rejects(find('one'), { code: 'GW_AUTH_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '1' } })
})

test('while Redis is away, keys work for the time of grace, and unknown ones are not let in', async () => {
  const { clock, client, put, find } = setUp()
  put('one')
  await find('one')
  for (const outage of [
    () => {
      client.status = 'reconnecting'
    },
    () => {
      client.status = 'ready'
      client.hget = async () => {
        throw new Error('Command timed out')
      }
    },
  ]) {
    outage()
    clock.now = 99
    assert.equal(await find('one'), 'one')
    await assert.rejects(find('two'), { code: 'GW_AUTH_UNAVAILABLE' })
    clock.now = 100
    await assert.rejects(find('one'), { code: 'GW_AUTH_UNAVAILABLE' })
    clock.now = -1
    await assert.rejects(find('one'), { code: 'GW_AUTH_UNAVAILABLE' })
  }
})

test('the first look connects a client that waits', async () => {
  const { client, put, find } = setUp()
  put('one')
  client.status = 'wait'
  assert.equal(await find('one'), 'one')
  client.status = 'wait'
  client.reachable = false
  for (let i = 0; i < 2; i++) await assert.rejects(find('two'), { code: 'GW_AUTH_UNAVAILABLE' })
  assert.equal(client.connects, 2)
})

test('what is no entry, or that of another key, is nobody', async () => {
  const { entries, put, find } = setUp()
  put('two')
  const other = [...entries.values()][0]!
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"name":"x"}',
    other,
    `{"name":"${'x'.repeat(70_000)}","sha256":"${digestOf('one').toString('hex')}"}`,
  ]) {
    entries.set(fieldOf(indexOf(digestOf('one'))), text)
    assert.equal(await find('one'), undefined, text.slice(0, 50))
  }
})
