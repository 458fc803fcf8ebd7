import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

const token = signToken({ secret: JWT_SECRET } as never, { sub: 'ada', scopes: [], expiresIn: '1h' })
const COOKIE = { cookie: `a=b; session=${token}` }

async function start (t: TestContext, more: object = {}) {
  const backend = await startBackend(t)
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', auth: { jwt: {} }, targets: [backend.url], routes: [{ method: ['GET', 'POST'], url: '/x' }, { method: 'POST', url: '/free', csrf: false }], ...more },
  }, { jwt: { secret: JWT_SECRET, token: { cookie: 'session' } } })
  return async (path: string, headers: Record<string, string>, method = 'POST') => (await fetch(url + path, { method, headers })).status
}

test('a page of another origin changes nothing in the name of whoever a cookie signs in', async (t) => {
  const ask = await start(t)
  const evil = { origin: 'https://evil.example' }
  for (const headers of [{ 'sec-fetch-site': 'cross-site', ...evil }, { 'sec-fetch-site': 'same-site', origin: 'https://other.example' }, { 'sec-fetch-site': 'cross-site' }, evil, { origin: 'null' }] as Record<string, string>[]) {
    assert.equal(await ask('/x', { ...COOKIE, ...headers }), 403, JSON.stringify(headers))
    assert.equal(await ask('/x', { ...COOKIE, ...headers }, 'GET'), 200, 'reading changes nothing')
    assert.equal(await ask('/free', { ...COOKIE, ...headers }), 200)
    assert.equal(await ask('/x', { authorization: `Bearer ${token}`, ...headers }), 200, 'nobody can be lured into sending a header')
  }
  for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}] as Record<string, string>[]) assert.equal(await ask('/x', { ...COOKIE, ...headers }), 200, JSON.stringify(headers))
})

test('the own origin, trusted ones, and those that cors allows with credentials may', async (t) => {
  const ask = await start(t, { csrf: { trustedOrigins: ['https://partner.example'] }, cors: { origins: ['https://app.example'], credentials: true } })
  for (const origin of ['https://partner.example', 'https://app.example']) {
    assert.equal(await ask('/x', { ...COOKIE, origin }), 200)
    assert.equal(await ask('/x', { ...COOKIE, origin, 'sec-fetch-site': 'cross-site' }), 200)
  }
  assert.equal(await ask('/x', { ...COOKIE, origin: 'https://evil.example' }), 403)
})

test('an old browser that tells its origin alone is held against the own host', async (t) => {
  const backend = await startBackend(t)
  const { url, port } = await startGateway(t, { 'a.json': { name: 'a', auth: { jwt: {} }, targets: [backend.url], routes: [{ method: 'POST', url: '/x' }] } }, { jwt: { secret: JWT_SECRET, token: { cookie: 'session' } } })
  const ask = async (origin: string) => (await fetch(`${url}/x`, { method: 'POST', headers: { ...COOKIE, origin } })).status
  assert.equal(await ask(url), 200)
  for (const origin of [`https://127.0.0.1:${port}`, 'http://127.0.0.1', `http://127.0.0.1:${port}.evil.example`]) assert.equal(await ask(origin), 403, origin)
})
