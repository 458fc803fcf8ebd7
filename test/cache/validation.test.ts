import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { JWT_SECRET } from '../support/gateway.ts'
import type { CacheStore } from '../../src/cache/cache-store.ts'
import { startCached, until } from './cached-gateway.ts'

/** A backend whose answers to validations wait for each other, and say what else they are told to say. */
function waiting(more: (request: IncomingMessage, count: number) => Record<string, string>): {
  respond: (request: IncomingMessage, response: ServerResponse, count: number) => void
  held: (() => void)[]
} {
  const held: (() => void)[] = []
  return {
    held,
    respond(request, response, count) {
      const stored = { etag: '"1"', 'cache-control': 'max-age=0' }
      if (request.headers['if-none-match'] === undefined) response.writeHead(200, stored).end(`content ${count}`)
      else held.push(() => response.writeHead(304, { ...stored, ...more(request, count) }).end())
    },
  }
}

test('what a 304 brings for one client alone reaches none of those who wait with it', async (t) => {
  for (const [field, value] of [
    ['set-cookie', 'session=1'],
    ['cache-control', 'private'],
    ['vary', '*'],
  ] as const) {
    const { respond, held } = waiting((request) => ({ [field]: value, 'x-for': String(request.headers['x-who']) }))
    const { ask } = await startCached(t, respond)
    await ask('/x')
    const asking = ask('/x', { headers: { 'x-who': 'ada' } })
    await until(() => held.length === 1, 'the validation')
    const others = ['bob', 'eve'].map((who) => ask('/x', { headers: { 'x-who': who, 'x-late': '1' } }))
    // they wait once something that was sent after them is answered
    await ask('/other')
    held[0]!()
    const [own, ...rest] = await Promise.all([asking, ...others])
    assert.equal(own!.headers['x-for'], 'ada', field)
    assert.equal(own!.body, 'content 1')
    for (const other of rest) {
      assert.deepEqual([other.headers['x-for'], other.headers['set-cookie']], [undefined, undefined], field)
    }
  }
})

test('what a 304 changes for all reaches all who wait with it', async (t) => {
  const { respond, held } = waiting((_request, count) => ({ 'cache-control': 'max-age=60', 'x-count': String(count) }))
  const { ask, asked } = await startCached(t, respond)
  await ask('/x')
  const all = [ask('/x')]
  await until(() => held.length === 1, 'the validation')
  all.push(ask('/x'))
  await ask('/other')
  held[0]!()
  for (const answer of [...(await Promise.all(all)), await ask('/x')]) assert.equal(answer.headers['x-count'], '2')
  assert.equal(asked(), 3)
})

test('HEAD of one consumer does not give what is stored for that one to the others', async (t) => {
  const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
  const bearer = (sub: string): { authorization: string } => ({
    authorization: `Bearer ${signToken(jwt, { sub, scopes: [] })}`,
  })
  for (const tag of ['"same"', '"other"']) {
    const { ask } = await startCached(
      t,
      (request, response) => {
        response
          .writeHead(200, {
            'cache-control': 'max-age=60',
            etag: request.method === 'HEAD' ? tag : '"same"',
            'content-length': '3',
          })
          .end(request.headers['x-user'])
      },
      true,
      { auth: { jwt: {} }, identityHeaders: { 'x-user': 'sub' } },
      { jwt },
    )
    await ask('/x', { headers: bearer('ada') })
    await ask('/x', { method: 'HEAD', headers: { ...bearer('ada'), 'cache-control': 'no-cache' } })
    const { body, headers } = await ask('/x', { headers: bearer('bob') })
    assert.equal(body, 'bob')
    assert.match(headers['cache-status'] as string, /fwd=uri-miss/)
    assert.match(
      (await ask('/x', { headers: bearer('ada') })).headers['cache-status'] as string,
      tag === '"same"' ? /hit/ : /fwd=stale/,
    )
  }
})

test('the word that is meant for the gateway alone outlasts a validation, and is not handed on', async (t) => {
  for (const again of [{ 'gatehouse-cache-control': 'max-age=60' }, {}]) {
    const { ask, asked } = await startCached(t, (request, response) => {
      const own = { 'cache-control': 'private', etag: '"1"' }
      if (request.headers['if-none-match'] === undefined) {
        response.writeHead(200, { ...own, 'gatehouse-cache-control': 'max-age=60' }).end('x')
      } else response.writeHead(304, { ...own, ...again }).end()
    })
    for (const headers of [{}, {}, { 'cache-control': 'no-cache' }, {}]) {
      const answer = await ask('/x', { headers })
      assert.deepEqual(
        [answer.headers['gatehouse-cache-control'], answer.headers['cache-control']],
        [undefined, 'private'],
      )
    }
    assert.equal(asked(), 2)
  }
})

test('what varies by the identity that the gateway tells is for the same consumer, though it is public', async (t) => {
  const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
  const bearer = (sub: string): { authorization: string } => ({
    authorization: `Bearer ${signToken(jwt, { sub, scopes: [] })}`,
  })
  const { ask, asked } = await startCached(
    t,
    (request, response) => {
      response.writeHead(200, { 'cache-control': 'public, max-age=60', vary: 'X-User' }).end(request.headers['x-user'])
    },
    true,
    { auth: { jwt: {} }, identityHeaders: { 'x-user': 'sub' } },
    { jwt },
  )
  for (const user of ['ada', 'bob', 'ada']) assert.equal((await ask('/x', { headers: bearer(user) })).body, user)
  assert.equal(asked(), 2)
})

test('a store that does not let go of what is of no use does not make the upstream be asked for ever', async (t) => {
  const { ask, asked, app } = await startCached(t, (request, response, count) => {
    if (request.headers['if-none-match'] === undefined) {
      response.writeHead(200, { etag: `"${count}"`, 'cache-control': 'max-age=0' }).end(`content ${count}`)
    } else response.writeHead(304, { etag: '"another"' }).end()
  })
  await ask('/x')
  const { store } = app.responseCache
  const refuse = async (): Promise<void> => {
    throw new Error('read-only')
  }
  app.responseCache.store = {
    get: (key) => store.get(key),
    add: refuse,
    put: refuse,
    purge: (purge) => store.purge(purge),
    close() {},
  } satisfies CacheStore
  assert.equal((await ask('/x')).body, 'content 3')
  assert.equal(asked(), 3)
})
