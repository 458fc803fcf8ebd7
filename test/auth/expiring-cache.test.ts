import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExpiringCache } from '../../src/auth/expiring-cache.ts'

test('a value is there until its time, and not at it', () => {
  let now = 0
  const cache = new ExpiringCache<string>(10, () => now)
  cache.set('a', 'x', 100)
  cache.set('over', 'x', 0)
  assert.equal(cache.get('over'), undefined)
  now = 99
  assert.equal(cache.get('a'), 'x')
  now = 100
  assert.equal(cache.get('a'), undefined)
  now = 0
  assert.equal(cache.get('a'), undefined, 'what has expired does not come back with the clock')
})

test('the least recently used goes first, and a size of 0 keeps nothing', () => {
  const cache = new ExpiringCache<number>(2, () => 0)
  cache.set('a', 1, 9)
  cache.set('b', 2, 9)
  cache.get('a')
  cache.set('c', 3, 9)
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3])
  cache.set('c', 4, 9)
  assert.deepEqual([cache.get('a'), cache.get('c')], [1, 4], 'a new value for a key drives nobody out')
  const none = new ExpiringCache<number>(0, () => 0)
  none.set('a', 1, 9)
  assert.equal(none.get('a'), undefined)
})
