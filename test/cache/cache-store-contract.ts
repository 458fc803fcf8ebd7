import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { CacheStore } from '../../src/cache/cache-store.ts'
import { currentAge, freshFor, type StoredResponse } from '../../src/cache/stored-response.ts'

/** A stored response that is fresh for a minute. */
export const response = (body: string | Buffer = 'body', more: Partial<StoredResponse> = {}): StoredResponse => ({
  status: 200, headers: { 'content-type': 'text/plain', 'x-list': ['a', 'b'] }, body: Buffer.from(body as string), vary: [], storedAt: Date.now(), initialAge: 0, lifetime: 60,
  mustValidate: false, neverStale: false, staleWhileRevalidate: 0, staleIfError: 0, isPublic: false, askedWith: { credentials: false, cookies: false }, part: null, tags: [], ...more,
})
export const key = (url: string, rest = '') => ({ url, rest })
const A = 'http://a.test'

/** What every store does. `make` gives an empty one. */
export function cacheStoreContract (name: string, make: (t: TestContext) => CacheStore | Promise<CacheStore>, options: object = {}): void {
  const bodies = async (store: CacheStore, url: string, rest = ''): Promise<string[] | null> => (await store.get(key(url, rest)))?.map(({ body }) => String(body)) ?? null

  test(`${name}: gives back what was put, in every detail`, options, async (t) => {
    const store = await make(t)
    assert.equal(await store.get(key(`${A}/x`)), null)
    const whole = response(randomBytes(300_000), { part: { first: 3, total: 999 }, tags: ['t'], vary: [['accept', 'x'], ['b', null]], staleIfError: 5, mustValidate: true, isPublic: true })
    const small = response('y'.repeat(3000), { status: 404 })
    const empty = response('', { headers: {} })
    await store.put(key(`${A}/x`), [whole, small, empty])
    assert.deepEqual(await store.get(key(`${A}/x`)), [whole, small, empty])
  })

  test(`${name}: replaces, tells keys apart and forgets`, options, async (t) => {
    const store = await make(t)
    await store.put(key(`${A}/x`), [response('1')])
    await store.put(key(`${A}/x`, 'r'), [response('2')])
    await store.put(key(`${A}/x`), [response('3'), response('4')])
    assert.deepEqual([await bodies(store, `${A}/x`), await bodies(store, `${A}/x`, 'r'), await bodies(store, `${A}/x?`)], [['3', '4'], ['2'], null])
    await store.put(key(`${A}/x`), [])
    assert.deepEqual([await bodies(store, `${A}/x`), await bodies(store, `${A}/x`, 'r')], [null, ['2']])
  })

  test(`${name}: purges by URL, by what URLs begin with, and by tag`, options, async (t) => {
    const store = await make(t)
    const fill = async (): Promise<void> => {
      for (const [url, rest] of [['http://a.test/x', ''], ['http://a.test/x', 'ada'], ['http://a.test/x/y', ''], ['http://a.test/xz?q', ''], ['http://b.test/x', '']]) {
        await store.put(key(url!, rest), [response(url, { tags: url!.includes('b.test') ? ['b', 'all'] : ['all'] })])
      }
    }
    const left = async (): Promise<string> => {
      const found = await Promise.all([bodies(store, 'http://a.test/x'), bodies(store, 'http://a.test/x', 'ada'), bodies(store, 'http://a.test/x/y'), bodies(store, 'http://a.test/xz?q'), bodies(store, 'http://b.test/x')])
      return found.map((answer) => answer === null ? '0' : '1').join('')
    }
    const purged = async (what: object): Promise<[number, string]> => {
      await fill()
      return [await store.purge({ soft: false, now: Date.now(), ...what }), await left()]
    }
    assert.deepEqual(await purged({ url: 'http://a.test/x' }), [2, '00111'])
    assert.deepEqual(await purged({ url: '/x' }), [3, '00110'])
    assert.deepEqual(await purged({ url: '/xz?q' }), [1, '11101'])
    assert.deepEqual(await purged({ url: 'http://a.test/nothing' }), [0, '11111'])
    assert.deepEqual(await purged({ prefix: 'http://a.test/x/' }), [1, '11011'])
    assert.deepEqual(await purged({ prefix: 'http://a.test/' }), [4, '00001'])
    assert.deepEqual(await purged({ prefix: '/x' }), [5, '00000'])
    assert.deepEqual(await purged({ tag: 'b' }), [1, '11110'])
    assert.deepEqual(await purged({ tag: 'none' }), [0, '11111'])
    assert.deepEqual(await purged({ tag: 'all' }), [5, '00000'])
  })

  test(`${name}: a soft purge makes stale and keeps`, options, async (t) => {
    const store = await make(t)
    const now = Date.now()
    await store.put(key(`${A}/x`), [response('1', { storedAt: now - 10_000, staleIfError: 30 })])
    assert.equal(await store.purge({ url: `${A}/x`, soft: true, now }), 1)
    const [stored] = (await store.get(key(`${A}/x`)))!
    assert.deepEqual([String(stored!.body), freshFor(stored!, now) <= 0, currentAge(stored!, now) >= 10], ['1', true, true])
  })

  test(`${name}: names that are odd are names`, options, async (t) => {
    const store = await make(t)
    for (const odd of ['http://a.test/x?[1,2]*{}', 'http://a.test/%00', 'http://a.test/constructor', 'http://[::1]:80/x']) {
      await store.put(key(odd, '["é"]\n{}'), [response(odd)])
      assert.deepEqual(await bodies(store, odd, '["é"]\n{}'), [odd])
      assert.equal(await store.purge({ url: odd, soft: false, now: Date.now() }), 1)
      assert.equal(await bodies(store, odd, '["é"]\n{}'), null)
    }
  })
}
