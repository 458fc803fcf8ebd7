import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { startCached } from './cached-gateway.ts'

/** What an answer of the origin says of itself. */
interface Said {
  maxAge?: number
  sharedMaxAge?: number
  expiresIn?: number
  age?: number
  noStore?: true
  private?: true
  noCache?: true
  mustRevalidate?: true
  public?: true
  whileRevalidate?: number
  ifError?: number
  varies?: true
  setsCookie?: true
}

/** An answer of the origin, as the model remembers it. */
interface Known {
  url: string
  variant: string
  said: Said
  /** When it came, or was last found valid. */
  at: number
  hadAuthorization: boolean
  hadCookie: boolean
  forbidsStoring: boolean
  isGone: boolean
}

interface Asked {
  url: string
  method: string
  variant: string
  authorization: boolean
  cookie: boolean
  control: string
}

/** Numbers that look random, and are the same each time. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const lifetimeOf = ({ sharedMaxAge, maxAge, expiresIn }: Said): number => sharedMaxAge ?? maxAge ?? expiresIn ?? 0

function headersOf(said: Said, now: number): Record<string, string> {
  const control = [
    said.maxAge === undefined ? '' : `max-age=${said.maxAge}`,
    said.sharedMaxAge === undefined ? '' : `s-maxage=${said.sharedMaxAge}`,
    said.noStore ? 'no-store' : '',
    said.private ? 'private' : '',
    said.noCache ? 'no-cache' : '',
    said.mustRevalidate ? 'must-revalidate' : '',
    said.public ? 'public' : '',
    said.whileRevalidate === undefined ? '' : `stale-while-revalidate=${said.whileRevalidate}`,
    said.ifError === undefined ? '' : `stale-if-error=${said.ifError}`,
  ]
    .filter((directive) => directive !== '')
    .join(', ')
  return {
    date: new Date(now).toUTCString(),
    ...(control === '' ? {} : { 'cache-control': control }),
    ...(said.expiresIn === undefined ? {} : { expires: new Date(now + said.expiresIn * 1000).toUTCString() }),
    ...(said.age === undefined ? {} : { age: String(said.age) }),
    ...(said.varies ? { vary: 'x-variant' } : {}),
    ...(said.setsCookie ? { 'set-cookie': 'a=b' } : {}),
  }
}

/** What an answer says after a 304: each field that came replaces the one that was there (section 3.2). */
function freshened({ said: before, at }: Known, news: Said, now: number): Said {
  const { expiresIn, age, varies, setsCookie, ...control } = news
  const { expiresIn: before1, age: _, varies: variesBefore, setsCookie: cookieBefore, ...controlBefore } = before
  const expires = expiresIn ?? (before1 === undefined ? undefined : Math.max(0, before1 - (now - at) / 1000))
  return {
    ...(Object.keys(control).length > 0 ? control : controlBefore),
    ...(expires === undefined ? {} : { expiresIn: expires }),
    ...(age === undefined ? {} : { age }),
    ...(variesBefore ? { varies: true } : {}),
    ...(setsCookie || cookieBefore ? { setsCookie: true } : {}),
  }
}

/**
 * Why an answer from the store was wrong (RFC 9111); null when it was right. Written apart from the cache, from the
 * text of the RFC.
 */
function mistake(asked: Asked, known: Known, now: number, originFailed: boolean): string | null {
  const { said } = known
  if (known.url !== asked.url) return 'of another URL'
  if (known.forbidsStoring) return 'the request forbade storing'
  if (said.noStore || said.private) return 'no-store or private'
  if (said.setsCookie) return 'sets a cookie'
  if (known.isGone) return 'purged or changed since'
  if (said.varies && known.variant !== asked.variant) return 'another variant'
  if (known.hadAuthorization && !(said.public || said.sharedMaxAge !== undefined || said.mustRevalidate)) {
    return 'of an authorized request'
  }
  if ((known.hadCookie || asked.cookie) && !said.public) return 'with cookies'
  if (asked.control === 'no-store') return 'the request passes the cache over'
  if (said.noCache) return 'not validated'
  // what a client asks for is a wish (section 5.2.1); RFC 5861 lets the origin's word on failures go before it
  const standsIn = originFailed && said.ifError !== undefined
  if (asked.control === 'no-cache' && !standsIn) return 'not validated'
  const age = (said.age ?? 0) + (now - known.at) / 1000
  if (asked.control === 'max-age=5' && age > 5 && !standsIn) return 'older than asked for'
  const stale = age - lifetimeOf(said)
  if (stale < 0) return null
  if (said.mustRevalidate || said.sharedMaxAge !== undefined) return 'stale, and must not be'
  if (standsIn && stale <= said.ifError!) return null
  if (said.whileRevalidate !== undefined && stale <= said.whileRevalidate) return null
  return `stale for ${stale} s`
}

test('random histories: what is stored is never used where RFC 9111 forbids it, and is used where it may be', async (t) => {
  const next = random(20261123)
  const chance = (probability: number): boolean => next() < probability
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!
  const maybe = <K extends keyof Said>(probability: number, name: K, value: NonNullable<Said[K]>): Pick<Said, K> =>
    (chance(probability) ? { [name]: value } : {}) as Pick<Said, K>

  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-01T00:00:00Z') })
  const known = new Map<string, Known>()
  let count = 0
  let said: Said = {}
  let fails = false
  let reached: 'no' | 'answered' | 'validated' | 'failed' = 'no'
  let current: Asked | null = null
  const { ask, app, url } = await startCached(t, (incoming: IncomingMessage, response: ServerResponse) => {
    const now = Date.now()
    if (fails) {
      reached = 'failed'
      response.writeHead(503).end()
      return
    }
    const headers = headersOf(said, now)
    const tag = incoming.headers['if-none-match']
    const valid = tag === undefined ? undefined : known.get(tag.slice(1, -1))
    if (valid !== undefined && chance(0.6)) {
      reached = 'validated'
      Object.assign(valid, { said: freshened(valid, said, now), at: now })
      response.writeHead(304, { ...headers, etag: tag! }).end()
      return
    }
    reached = 'answered'
    const id = `n${++count}`
    const { url, variant, authorization, cookie, control } = current!
    known.set(id, {
      url,
      variant,
      said,
      at: now,
      hadAuthorization: authorization,
      hadCookie: cookie,
      forbidsStoring: control === 'no-store',
      isGone: false,
    })
    response
      .writeHead(200, { ...headers, etag: `"${id}"`, 'content-type': 'text/plain' })
      .end(incoming.method === 'HEAD' ? undefined : id)
  })

  let hits = 0
  for (let step = 0; step < 1500; step++) {
    if (chance(0.3)) t.mock.timers.setTime(Date.now() + pick([1, 3, 8, 20]) * 1000)
    said = {
      ...maybe(0.7, 'maxAge', pick([0, 5, 30])),
      ...maybe(0.15, 'sharedMaxAge', pick([0, 10])),
      ...maybe(0.1, 'expiresIn', 15),
      ...maybe(0.1, 'age', 4),
      ...maybe(0.05, 'noStore', true),
      ...maybe(0.05, 'private', true),
      ...maybe(0.08, 'noCache', true),
      ...maybe(0.1, 'mustRevalidate', true),
      ...maybe(0.3, 'public', true),
      ...maybe(0.2, 'whileRevalidate', 10),
      ...maybe(0.2, 'ifError', 20),
      ...maybe(0.4, 'varies', true),
      ...maybe(0.05, 'setsCookie', true),
    }
    fails = chance(0.1)
    const path = pick(['/a', '/b', '/c?x=1'])
    const asked: Asked = {
      url: path,
      method: chance(0.06) ? 'POST' : 'GET',
      variant: pick(['1', '2']),
      authorization: chance(0.1),
      cookie: chance(0.1),
      control: chance(0.2) ? pick(['no-cache', 'no-store', 'max-age=5', 'only-if-cached']) : '',
    }
    if (chance(0.04)) {
      const purged = pick(['/a', '/b', '/c?x=1'])
      app.responseCache.invalidate([url + purged])
      for (const answer of known.values()) if (answer.url === purged) answer.isGone = true
    }
    current = asked
    reached = 'no'
    // as it was before the request, which may change it
    const before = structuredClone(known)
    const { status, body, headers } = await ask(path, {
      method: asked.method,
      headers: {
        'x-variant': asked.variant,
        ...(asked.authorization ? { authorization: 'Basic x' } : {}),
        ...(asked.cookie ? { cookie: 'c=1' } : {}),
        ...(asked.control === '' ? {} : { 'cache-control': asked.control }),
      },
    })
    const context = `step ${step}: ${JSON.stringify({ asked, said, reached, status, body, cache: headers['cache-status'], answer: before.get(body) })}`
    if (asked.method === 'POST') {
      if (status < 400) {
        for (const [id, answer] of known) if (answer.url === path) answer.isGone = id !== body || answer.isGone
      }
      continue
    }
    if (status === 504) {
      assert.equal(asked.control, 'only-if-cached', context)
      continue
    }
    if (status === 503) {
      assert.equal(reached, 'failed', context)
      continue
    }
    assert.equal(status, 200, context)
    // what a request behind the client's back is told is not what this client was told
    const isHit = (headers['cache-status'] as string).includes('; hit')
    if (!isHit && (reached as string) === 'answered') {
      assert.equal(body, `n${count}`, context)
      continue
    }
    if (!isHit && (reached as string) === 'validated') {
      const wrong = mistake(
        { ...asked, control: '' },
        { ...known.get(body)!, said: { varies: known.get(body)!.said.varies, maxAge: 99, public: true } },
        Date.now(),
        false,
      )
      // whom it was for counts as it did when it was stored
      assert.equal(wrong, null, context)
      assert.ok(
        !before.get(body)!.isGone && !before.get(body)!.said.private && !before.get(body)!.said.noStore,
        context,
      )
      continue
    }
    hits++
    assert.equal(mistake(asked, before.get(body)!, Date.now(), (reached as string) === 'failed'), null, context)
    // a request behind the client's back is over before the next step changes what the origin says
    while (app.responseCache.fetches.size > 0) {
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  }
  // a cache that stores nothing would make no mistake either
  assert.ok(hits > 200, `${hits} hits`)
})
