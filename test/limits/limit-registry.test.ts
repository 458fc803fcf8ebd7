import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitKey } from '../../src/limits/limit-key.ts'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import type { LimitRule } from '../../src/limits/limit-schema.ts'
import { redisKey } from '../../src/limits/redis-store.ts'

const rule = (more: Partial<LimitRule> = {}): LimitRule => ({ name: 'a', max: 10, windowMs: 60_000, by: 'consumer', ...more })

test('one name is one limit', () => {
  const made: LimitRule[] = []
  const registry = new LimitRegistry((rule) => made.push(rule))
  assert.equal(registry.limiter(rule(), 'x'), registry.limiter(rule(), 'y'))
  assert.notEqual(registry.limiter(rule({ name: 'b' }), 'x'), registry.limiter(rule(), 'y'))
  assert.equal(made.length, 2)
})

test('one name with two meanings is a mistake that names the declarer', () => {
  const registry = new LimitRegistry(() => ({}))
  registry.limiter(rule(), 'x')
  for (const more of [{ max: 11 }, { windowMs: 1 }, { by: 'address' as const }]) assert.throws(() => registry.limiter(rule(more), 'orders'), /^BootProblems: orders: rateLimit: the limit "a" is .* here and 10 per 60000 ms by consumer elsewhere/)
})

test('a rule that limits nothing, or that no store can hold, is a mistake', () => {
  const registry = new LimitRegistry(() => ({}))
  for (const more of [{ max: 0 }, { max: -1 }, { max: 1.5 }, { max: NaN }, { max: 1e15 }, { max: '5' as never }, { windowMs: 0 }, { windowMs: 0.4 }, { windowMs: 1e21 }, { windowMs: Infinity }, { windowMs: undefined as never }]) {
    assert.throws(() => registry.limiter(rule(more), 'x'), { name: 'BootProblems' }, JSON.stringify(more))
  }
})

test('consumers and addresses never share a count', () => {
  assert.equal(limitKey(rule(), { id: '192.0.2.1' }, '192.0.2.9'), 'c:192.0.2.1')
  assert.equal(limitKey(rule(), null, '192.0.2.1'), 'a:192.0.2.1')
  assert.equal(limitKey(rule({ by: 'address' }), { id: 'ada' }, '::ffff:192.0.2.1'), 'a:192.0.2.1')
  assert.notEqual(limitKey(rule(), { id: 'a:192.0.2.1' }, ''), limitKey(rule(), null, '192.0.2.1'))
})

test('keys in Redis never collide, whatever names and consumers hold', () => {
  assert.equal(redisKey(rule({ name: 'upstream:orders' }), 'c:ada'), 'gatehouse:limit:upstream%3Aorders:60000:c:ada')
  const keys = [['a', 'c:x'], ['a:60000:c', 'x'], ['a:60000', 'c:x'], ['a:60000:c:x', ''], ['a|c', ':x'], ['a%3A60000', 'c:x']].map(([name, key]) => redisKey(rule({ name }), key!))
  assert.equal(new Set(keys).size, keys.length)
})
