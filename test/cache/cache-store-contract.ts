import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test, type TestOptions } from 'node:test'
import type { CacheKey } from '../../src/cache/cache-key.ts'
import { type CacheStore, MOST_VARIANTS, type DatedPurge } from '../../src/cache/cache-store.ts'
import { freshFor, reuseOf } from '../../src/cache/freshness.ts'
import type { StoredResponse } from '../../src/cache/stored-response.ts'

export const NOW = Date.UTC(2026, 10, 23, 12)

export function response(body: string | Buffer = 'x', more: Partial<StoredResponse> = {}): StoredResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain', etag: '"1"' },
    body: Buffer.from(body),
    vary: [],
    storedAt: NOW,
    initialAge: 0,
    lifetime: 60,
    mustValidate: false,
    neverStale: false,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    askedWith: { credentials: false, cookies: false },
    isPublic: false,
    part: null,
    tags: [],
    ...more,
  }
}

/** A host that no other test has. */
const site = (): string => `http://${randomUUID()}.example`
const key = (url: string, rest = ''): CacheKey => ({ url, rest })

/** What every store has to do. @param store  gives the one under test; it may be the same each time */
export function contract(name: string, options: TestOptions, store: () => CacheStore): void {
  const bodies = async (keys: CacheKey[]): Promise<(string | null)[]> =>
    Promise.all(keys.map(async (each) => (await store().get(each))?.map(({ body }) => body.toString()).join() ?? null))
  const purge = (what: Partial<DatedPurge>): Promise<number> | number =>
    store().purge({ soft: false, now: NOW, ...what })

  test(`${name}: has nothing, and then all that was put`, options, async () => {
    const own = key(`${site()}/a?b=c`, 'rest\n"consumer"')
    assert.equal(await store().get(own), null)
    const full = response('päss', {
      status: 404,
      headers: { etag: 'W/"x"', 'set-cookie': ['a=1', 'b=2'], 'x-latin': 'caf\xe9', 'x-empty': '' },
      vary: [
        ['accept', 'text/html'],
        ['x-none', null],
      ],
      initialAge: 1.5,
      lifetime: 2 ** 31,
      mustValidate: true,
      neverStale: true,
      staleWhileRevalidate: 5,
      staleIfError: 6,
      askedWith: { credentials: false, cookies: false },
      isPublic: true,
      tags: ['a', 'ünï'],
    })
    const part = response('cd', {
      status: 206,
      headers: { etag: '"x"', 'content-length': '2' },
      part: { first: 2, total: 9 },
      vary: [
        ['accept', null],
        ['x-none', null],
      ],
    })
    await store().put(own, [full, part])
    assert.deepEqual(await store().get(own), [full, part])
    assert.equal(await store().get(key(own.url)), null, 'what else tells responses apart is part of the key')
  })

  test(`${name}: binary, empty and large bodies come back as they were`, options, async () => {
    const url = site()
    for (const [i, body] of [
      Buffer.alloc(0),
      randomBytes(256),
      randomBytes(64 * 1024),
      randomBytes(64 * 1024 + 1),
      Buffer.alloc(300_000, 'compressible '),
      randomBytes(1_500_000),
    ].entries()) {
      await store().put(key(`${url}/${i}`), [response(body)])
      const [found] = (await store().get(key(`${url}/${i}`)))!
      assert.ok(found!.body.equals(body), `body of ${body.byteLength} bytes`)
    }
    const several = [randomBytes(40_000), randomBytes(50_000), randomBytes(20_000), randomBytes(200_000)].map(
      (body, i) => response(body, { vary: [['accept', String(i)]] }),
    )
    await store().put(key(url), several)
    assert.deepEqual(await store().get(key(url)), several)
  })

  test(`${name}: keeps variants, the latest last, and replaces what answers the same`, options, async () => {
    const own = key(site() + '/')
    const variant = (language: string | null, body: string): StoredResponse =>
      response(body, { vary: [['accept-language', language]] })
    for (const [language, body] of [
      ['de', 'eins'],
      ['en', 'one'],
      [null, 'any'],
      ['de', 'zwei'],
    ] as const) {
      await store().add(own, variant(language, body))
    }
    assert.deepEqual(await bodies([own]), ['one,any,zwei'])
    for (let i = 0; i < MOST_VARIANTS + 3; i++) await store().add(own, variant(`l${i}`, `${i}`))
    const found = (await store().get(own))!
    assert.deepEqual(
      [found.length, found[0]!.body.toString(), found.at(-1)!.body.toString()],
      [MOST_VARIANTS, '3', `${MOST_VARIANTS + 2}`],
    )
  })

  test(`${name}: put replaces all there is, and an empty list forgets it`, options, async () => {
    const own = key(site() + '/')
    await store().put(own, [response('a'), response('b', { vary: [['accept', 'x']] })])
    await store().put(own, [response('c')])
    assert.deepEqual(await bodies([own]), ['c'])
    await store().put(own, [])
    assert.equal(await store().get(own), null)
    assert.equal(await purge({ url: own.url }), 0)
  })

  test(`${name}: purges a URL with all that tells its responses apart, and no other`, options, async () => {
    const url = site()
    const keys = [key(`${url}/a`), key(`${url}/a`, 'consumer'), key(`${url}/a?x=1`), key(`${url}/ab`), key(`${url}/a/`)]
    for (const each of keys) await store().put(each, [response('x')])
    assert.equal(await purge({ url: `${url}/a` }), 2)
    assert.deepEqual(await bodies(keys), [null, null, 'x', 'x', 'x'])
    assert.equal(await purge({ url: `${url}/a` }), 0)
  })

  test(`${name}: a path is meant for all hosts`, options, async () => {
    const path = `/${randomUUID()}`
    const keys = [
      key(`${site()}${path}`),
      key(`${site().replace('http:', 'https:')}${path}`),
      key(`${site()}${path}/more`),
      key(`${site()}/other${path}`),
    ]
    for (const each of keys) await store().put(each, [response('x')])
    assert.equal(await purge({ url: path }), 2)
    assert.deepEqual(await bodies(keys), [null, null, 'x', 'x'])
    assert.equal(await purge({ prefix: path }), 1)
    assert.deepEqual(await bodies(keys), [null, null, null, 'x'])
  })

  test(`${name}: purges what begins with a prefix, to the middle of a host`, options, async () => {
    const url = site()
    const keys = [key(`${url}/p/1`), key(`${url}/p/2?q`), key(`${url}/p`), key(`${url}/q`), key(`${site()}/p/1`)]
    for (const each of keys) await store().put(each, [response('x')])
    assert.equal(await purge({ prefix: `${url}/p/` }), 2)
    assert.deepEqual(await bodies(keys), [null, null, 'x', 'x', 'x'])
    assert.equal(await purge({ prefix: url.slice(0, -8) }), 2)
    assert.deepEqual(await bodies(keys), [null, null, null, null, 'x'])
  })

  test(`${name}: purges by a tag of any variant, as the tags are now`, options, async () => {
    const url = site()
    const [one, two] = [randomUUID(), randomUUID()]
    const keys = [key(`${url}/1`), key(`${url}/2`), key(`${url}/3`), key(`${url}/4`)]
    await store().put(keys[0]!, [
      response('x', { tags: [one] }),
      response('y', { tags: [two], vary: [['accept', 'y']] }),
    ])
    await store().put(keys[1]!, [response('x', { tags: [one, two] })])
    await store().put(keys[1]!, [response('x', { tags: [one] })])
    await store().put(keys[2]!, [response('x', { tags: [`${two}.`, two.slice(1)] })])
    await store().put(keys[3]!, [response('x')])
    assert.equal(await purge({ tag: two }), 1)
    assert.deepEqual(await bodies(keys), [null, 'x', 'x', 'x'])
    assert.equal(await purge({ tag: one }), 1)
    assert.equal(await purge({ tag: one }), 0)
  })

  test(`${name}: a soft purge leaves stale responses, until they are replaced`, options, async () => {
    const own = key(site() + '/', 'rest')
    const tag = randomUUID()
    const freshness = async (): Promise<boolean[]> =>
      (await store().get(own))!.map((each) => freshFor(each, NOW + 10_000) > 0)
    for (const what of [{ url: own.url }, { prefix: own.url }, { tag }]) {
      await store().put(own, [
        response('a', { tags: [tag], staleWhileRevalidate: 60 }),
        response('b', { vary: [['accept', 'b']] }),
      ])
      assert.deepEqual(await freshness(), [true, true])
      assert.equal(await purge({ ...what, soft: true, now: NOW + 5000 }), 1)
      assert.deepEqual(await freshness(), [false, false])
      for (const each of (await store().get(own))!) assert.equal(reuseOf(each, new Map(), NOW + 10_000), 'validate')
      assert.deepEqual(await bodies([own]), ['a,b'])
      await store().add(own, response('c'))
      assert.deepEqual(await bodies([own]), ['b,c'])
      assert.deepEqual(await freshness(), [false, true])
    }
    assert.equal(await purge({ url: own.url }), 1)
    assert.equal(await store().get(own), null)
  })

  test(`${name}: many responses of one tag are purged at once`, options, async () => {
    const url = site()
    const tag = randomUUID()
    await Promise.all(
      Array.from({ length: 1500 }, (_, i) => store().put(key(`${url}/${i}`), [response(`${i}`, { tags: [tag] })])),
    )
    // more than are looked at in one go
    assert.equal(await purge({ tag }), 1500)
    assert.deepEqual(await bodies([key(`${url}/0`), key(`${url}/1499`)]), [null, null])
  })
}
