import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockedKeys } from '../../src/limits/blocked-keys.ts'
import { FixedWindow, windowOf } from '../../src/limits/fixed-window.ts'
import { RecentKeys } from '../../src/limits/limiter.ts'

test('at most as many keys as said are kept, and never one of the later half is lost', () => {
  const keys = new RecentKeys<number>(10)
  for (let i = 0; i < 1000; i++) {
    keys.set(`k${i}`, i)
    assert.ok(keys.size <= 10)
    for (let j = Math.max(0, i - 4); j <= i; j++) assert.equal(keys.get(`k${j}`), j)
  }
  assert.equal(keys.get('k0'), undefined)
})

test('a key that is asked for again and again outlives any flood', () => {
  const keys = new RecentKeys<string>(10)
  keys.set('kept', 'x')
  for (let i = 0; i < 1000; i++) {
    keys.set(`k${i}`, '')
    assert.equal(keys.get('kept'), 'x')
  }
  keys.delete('kept')
  assert.equal(keys.get('kept'), undefined)
  keys.clear()
  assert.equal(keys.size, 0)
})

test('whoever floods with keys does not get a new window', () => {
  const limiter = new FixedWindow(1, windowOf(1000), 10)
  limiter.take('mallory', 1, 0)
  for (let i = 0; i < 1000; i++) {
    limiter.take(`k${i}`, 1, 1)
    assert.equal(limiter.take('mallory', 1, 1).allowed, false)
  }
})

test('a refusal is remembered until it may be over, ten seconds at most, for what costs as much', () => {
  const blocked = new BlockedKeys(10)
  blocked.note('a', 2, 1000, { allowed: false, remaining: 1, resetMs: 700, retryAfterMs: 500 })
  assert.equal(blocked.refusal('b', 2, 1000), null)
  assert.equal(blocked.refusal('a', 1, 1000), null, 'less might pass')
  assert.deepEqual(blocked.refusal('a', 3, 1499), { allowed: false, remaining: 1, resetMs: 201, retryAfterMs: 1 })
  assert.equal(blocked.refusal('a', 2, 1500), null)
  blocked.note('a', 1, 0, { allowed: false, remaining: 0, resetMs: 1e9, retryAfterMs: 1e9 })
  assert.equal(blocked.refusal('a', 1, 9999)!.retryAfterMs, 1e9 - 9999)
  assert.equal(blocked.refusal('a', 1, 10_000), null)
  for (let i = 0; i < 1000; i++) {
    blocked.note(`k${i}`, 1, 0, { allowed: false, remaining: 0, resetMs: 9, retryAfterMs: 9 })
  }
  assert.ok(blocked.size <= 10)
})
