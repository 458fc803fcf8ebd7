import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLimitStore } from '../../src/limits/memory-store.ts'

/** A store of two keys, and its clock. */
function start () {
  const clock = { now: 1_000_000 }
  const store = new (memoryLimitStore(2, () => clock.now))({} as never)
  const take = (key: string, windowMs = 1000): { current: number, ttl: number } => {
    let taken: { current: number, ttl: number } | undefined
    store.incr(key, (_error, result) => { taken = result }, windowMs, 5)
    return taken!
  }
  return { clock, store, take }
}

test('counts within a window, and anew after it', () => {
  const { clock, take } = start()
  assert.deepEqual(take('a'), { current: 1, ttl: 1000 })
  clock.now += 999
  assert.deepEqual(take('a'), { current: 2, ttl: 1 })
  clock.now += 1
  assert.deepEqual(take('a'), { current: 1, ttl: 1000 })
})

test('what was told does not change with what is counted later', () => {
  const { take } = start()
  const first = take('a')
  take('a')
  assert.equal(first.current, 1)
})

test('the least recently used key goes first', () => {
  const { take } = start()
  for (const key of ['a', 'b', 'a', 'c']) take(key)
  assert.equal(take('a').current, 3)
  assert.equal(take('b').current, 1)
})

test('a clock that is set back does not lengthen a window', () => {
  const { clock, take } = start()
  take('a')
  clock.now -= 3_600_000
  assert.equal(take('a').ttl, 1000)
})

test('children count by themselves', () => {
  const { store, take } = start()
  take('a')
  store.child({} as never).incr('a', (_error, result) => assert.equal(result!.current, 1), 1000, 5)
})
