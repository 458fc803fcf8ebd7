import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CacheKey, shortName } from '../../src/cache/cache-key.ts'
import { freshFor } from '../../src/cache/freshness.ts'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { contract, NOW, response } from './cache-store-contract.ts'

const unbounded = new MemoryStore(1 << 30)
contract('memory', {}, () => unbounded)

const key = (path: string, rest = ''): CacheKey => ({ url: `http://h${path}`, rest })

test('memory is bounded in bytes, whatever comes', () => {
  const store = new MemoryStore(200_000)
  for (let i = 0; i < 2000; i++) {
    store.put(key(`/${i}`), [response(Buffer.alloc((i * 37) % 9000))])
    assert.ok(store.bytes <= 200_000)
  }
  assert.ok(store.bytes > 150_000 && store.size > 10)
  store.put(key('/huge'), [response(Buffer.alloc(200_001))])
  assert.equal(store.get(key('/huge')), null)
  store.close()
  assert.deepEqual([store.bytes, store.size], [0, 0])
})

test('one pass over many URLs does not put out what is used', () => {
  const store = new MemoryStore(2_000_000)
  const used = Array.from({ length: 100 }, (_, i) => key(`/used/${i}`))
  for (const each of used) store.put(each, [response(Buffer.alloc(4000))])
  for (let i = 0; i < 10_000; i++) {
    store.put(key(`/scan/${i}`), [response(Buffer.alloc(4000))])
    store.get(used[i % used.length]!)
  }
  assert.equal(used.filter((each) => store.get(each) !== null).length, used.length)
})

test('what a response was selected by and its tags take memory too', () => {
  const text = 'x'.repeat(10_000)
  for (const more of [
    { vary: [['x-a', text]] as const },
    { tags: Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(200)) },
  ]) {
    const store = new MemoryStore(200_000)
    for (let i = 0; i < 100; i++) store.put(key(`/${i}`), [response('x', more)])
    assert.ok(store.size > 5 && store.size <= 20, `${store.size}`)
  }
})

test('a long name is remembered by a short one', () => {
  const long = 'http://h/'.padEnd(10_000, 'x')
  assert.equal(shortName('http://h/x'), 'http://h/x')
  assert.ok(shortName(long).length < 100)
  assert.notEqual(shortName(long), shortName(`${long}y`))
  const store = new MemoryStore(100_000)
  const again = key(long.slice(8))
  const scan = (name: string, count: number): void => {
    for (let i = 0; i < count; i++) store.put(key(`/${name}/${i}`), [response(Buffer.alloc(3000))])
  }
  scan('a', 10)
  store.put(again, [response('x')])
  scan('b', 100)
  assert.equal(store.get(again), null)
  store.put(again, [response('x')])
  scan('c', 20)
  assert.notEqual(store.get(again), null, 'it went to the main queue')
})

test('what comes again soon after it was put out stays', () => {
  const store = new MemoryStore(100_000)
  const again = key('/again')
  const scan = (name: string, count: number): void => {
    for (let i = 0; i < count; i++) store.put(key(`/${name}/${i}`), [response(Buffer.alloc(3000))])
  }
  store.put(again, [response(Buffer.alloc(3000))])
  scan('a', 100)
  assert.equal(store.get(again), null)
  store.put(again, [response(Buffer.alloc(3000))])
  scan('b', 100)
  assert.notEqual(store.get(again), null)
})

/** Numbers that are the same in each run with one seed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), state | 1) ^ (Math.imul(state, 0x9e3779b1) + 0x6d2b79f5)
    return (state >>> 0) % below
  }
}

test('random operations leave what a simple model has, and counts that are right', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const pick = random(seed)
    const store = new MemoryStore(1 << 30)
    const model = new Map<string, { key: CacheKey; responses: ReturnType<typeof response>[] }>()
    for (let step = 0; step < 300; step++) {
      const own = key(`/${'ab'[pick(2)]}/${pick(6)}`, ['', 'r'][pick(2)])
      const name = `${own.url} ${own.rest}`
      const action = pick(10)
      if (action < 5) {
        const responses = Array.from({ length: pick(3) }, (_, i) =>
          response(Buffer.alloc(pick(500)), { vary: [['a', `${i}`]], tags: [`t${pick(3)}`] }),
        )
        store.put(own, responses)
        if (responses.length === 0) model.delete(name)
        else model.set(name, { key: own, responses })
      } else if (action < 8) {
        const what = [
          { url: own.url },
          { url: own.url.slice(8) },
          { prefix: own.url.slice(0, -1) },
          { tag: `t${pick(3)}` },
        ][pick(4)]! as { url?: string; prefix?: string; tag?: string }
        const soft = pick(2) === 0
        const doomed = [...model].filter(
          ([
            ,
            {
              key: { url },
              responses,
            },
          ]) =>
            what.tag !== undefined
              ? responses.some(({ tags }) => tags.includes(what.tag!))
              : what.prefix !== undefined
                ? url.startsWith(what.prefix)
                : url.endsWith(what.url!),
        )
        assert.equal(store.purge({ ...what, soft, now: NOW }), doomed.length, `seed ${seed}, step ${step}`)
        for (const [name, entry] of doomed) {
          if (soft) entry.responses = entry.responses.map((each) => ({ ...each, lifetime: 0 }))
          else model.delete(name)
        }
      } else {
        const found = store.get(own)
        const expected = model.get(name)?.responses ?? null
        assert.deepEqual(
          found?.map((each) => [each.body.length, freshFor(each, NOW)]),
          expected?.map((each) => [each.body.length, freshFor(each, NOW)]),
          `seed ${seed}, step ${step}`,
        )
      }
    }
    assert.equal(store.size, model.size)
    const alike = new MemoryStore(1 << 30)
    for (const { key, responses } of model.values()) alike.put(key, responses)
    assert.equal(store.bytes, alike.bytes, `seed ${seed}`)
    store.purge({ prefix: '', soft: false, now: NOW })
    assert.deepEqual([store.bytes, store.size], [0, 0])
  }
})
