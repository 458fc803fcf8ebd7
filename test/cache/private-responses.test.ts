import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { JWT_SECRET } from '../support/gateway.ts'
import { startCached } from './cached-gateway.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
const bearer = (sub: string, scopes: string[] = []) => ({ authorization: `Bearer ${signToken(jwt, { sub, scopes })}` })

const saying =
  (control: string) =>
  (request: IncomingMessage, response: ServerResponse, count: number): void => {
    response
      .writeHead(200, { 'cache-control': control })
      .end(`${count} for ${request.headers['x-user']} ${request.headers['x-scopes'] ?? ''}`)
  }

const guarded = { auth: { jwt: {} }, identityHeaders: { 'x-user': 'sub', 'x-scopes': 'scope' } }

test('a response to a consumer is for that consumer alone', async (t) => {
  const { ask, asked } = await startCached(t, saying('max-age=60'), true, guarded, { jwt })
  const body = async (headers: Record<string, string>) => (await ask('/x', { headers })).body
  assert.equal(await body(bearer('ada')), '1 for ada ')
  assert.equal(await body(bearer('ada')), '1 for ada ')
  assert.equal(await body(bearer('bob')), '2 for bob ')
  // another token of the same consumer, of which the upstream learns something else
  assert.equal(await body(bearer('ada', ['admin'])), '3 for ada admin')
  assert.equal(await body(bearer('ada')), '1 for ada ')
  assert.equal(asked(), 3)
  assert.equal((await ask('/x')).status, 401)
})

test('a response to a consumer is for all when it says so', async (t) => {
  for (const control of ['public, max-age=60', 's-maxage=60', 'max-age=60, must-revalidate']) {
    const { ask, asked } = await startCached(t, saying(control), true, guarded, { jwt })
    await ask('/x', { headers: bearer('ada') })
    assert.equal((await ask('/x', { headers: bearer('bob') })).body, '1 for ada ', control)
    assert.equal((await ask('/x')).status, 401)
    assert.equal(asked(), 1)
  }
})

test('misses of several consumers at the same time are not shared', async (t) => {
  const { ask } = await startCached(t, saying('max-age=60'), true, guarded, { jwt })
  const users = ['ada', 'bob', 'cleo', 'ada', 'bob', 'cleo']
  const answers = await Promise.all(users.map((user) => ask('/x', { headers: bearer(user) })))
  assert.deepEqual(
    answers.map(({ body }) => body.split(' ')[2]),
    users,
  )
})

test('private is private to the consumer too', async (t) => {
  const { ask, asked } = await startCached(t, saying('private, max-age=60'), true, guarded, { jwt })
  await ask('/x', { headers: bearer('ada') })
  await ask('/x', { headers: bearer('ada') })
  assert.equal(asked(), 2)
})

test('what a consumer changes is put out for all', async (t) => {
  const { ask, asked } = await startCached(t, saying('max-age=60'), true, guarded, { jwt })
  for (const user of ['ada', 'bob']) await ask('/x', { headers: bearer(user) })
  await ask('/x', { method: 'POST', headers: bearer('ada') })
  for (const user of ['ada', 'bob']) await ask('/x', { headers: bearer(user) })
  assert.equal(asked(), 5)
})

test('credentials that go on to the upstream are part of the key', async (t) => {
  const { ask, asked, backend } = await startCached(
    t,
    saying('max-age=60'),
    true,
    { auth: { jwt: {} }, forwardCredentials: true },
    { jwt },
  )
  const [one, other] = [bearer('ada'), bearer('ada', ['x'])]
  for (const headers of [one, other, one, other]) await ask('/x', { headers })
  assert.equal(asked(), 2)
  assert.equal(backend.received[0]!.headers.authorization, one.authorization)
})
