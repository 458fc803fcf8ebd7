import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { cacheStoreContract, key, response } from './cache-store-contract.ts'

cacheStoreContract('memory', () => new MemoryStore(10_000_000))

test('memory is bounded in bytes, and one pass over many URLs does not put out what is used', () => {
  const store = new MemoryStore(1_000_000)
  const used = Array.from({ length: 50 }, (_, i) => key(`http://a.test/used/${i}`))
  for (const one of used) store.put(one, [response('x'.repeat(5000))])
  for (let round = 0; round < 3; round++) for (const one of used) store.get(one)
  for (let i = 0; i < 5000; i++) {
    store.put(key(`http://a.test/scan/${i}`), [response('x'.repeat(5000))])
    assert.ok(store.bytes <= 1_000_000)
    // the used ones are used now and then
    if (i % 100 === 0) for (const one of used) store.get(one)
  }
  assert.equal(used.filter((one) => store.get(one) !== null).length, 50)
})

test('what is larger than the whole store is not kept, and puts out nothing', () => {
  const store = new MemoryStore(100_000)
  store.put(key('http://a.test/a'), [response('a')])
  store.put(key('http://a.test/b'), [response('x'.repeat(200_000))])
  assert.deepEqual([store.get(key('http://a.test/b')), store.size], [null, 1])
})

test('the count of bytes is that of what is there, whatever happens', () => {
  const store = new MemoryStore(50_000)
  let state = 7
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
  for (let i = 0; i < 20_000; i++) {
    const one = key(`http://a.test/${next(100)}`, String(next(2)))
    const action = next(10)
    if (action < 5) store.put(one, Array.from({ length: next(3) }, () => response('x'.repeat(next(3000)), { tags: [`t${next(5)}`] })))
    else if (action < 9) store.get(one)
    else store.purge({ ...next(2) === 0 ? { tag: `t${next(5)}` } : { url: one.url }, soft: next(3) === 0, now: Date.now() })
    assert.ok(store.bytes <= 50_000 && store.bytes >= 0)
  }
  assert.ok(store.size > 0)
  store.purge({ prefix: 'http://', soft: false, now: Date.now() })
  assert.deepEqual([store.bytes, store.size], [0, 0])
})
