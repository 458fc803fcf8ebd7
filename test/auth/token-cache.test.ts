import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../src/auth/auth-schema.ts'
import { TokenCache } from '../../src/auth/token-cache.ts'
import { TokenVerifier } from '../../src/auth/token-verifier.ts'

const consumer = (id: string, claims: object = {}): Consumer => ({ id, scopes: [], claims: { ...claims } })

test('an entry ends with its token, clock tolerance included', () => {
  let now = 1_000_000
  const cache = new TokenCache(10, 5000, () => now)
  cache.set('t', consumer('me', { exp: 2000, nbf: 1000 }))
  assert.equal(cache.get('t')!.consumer.id, 'me')
  now = 2_004_999
  assert.equal(cache.get('t')!.consumer.id, 'me')
  now = 2_005_000
  assert.equal(cache.get('t'), null)
  now = 1_000_000
  assert.equal(cache.get('t'), null, 'gone for good')
})

test('tokens that differ anywhere never share an entry', () => {
  const cache = new TokenCache(10, 0)
  cache.set('header.payload.signature', consumer('me'))
  for (const other of ['header.payload.signaturf', 'header.payload.', 'Header.payload.signature', 'header.payload.signature ']) assert.equal(cache.get(other), null)
})

test('holds as many as it may, the least recently used go first', () => {
  const cache = new TokenCache(2, 0)
  cache.set('a', consumer('a'))
  cache.set('b', consumer('b'))
  cache.get('a')
  cache.set('c', consumer('c'))
  assert.equal(cache.get('b'), null)
  assert.equal(cache.get('a')!.consumer.id, 'a')
  assert.equal(cache.get('c')!.consumer.id, 'c')
})

test('the signature is checked once for a good token, and each time for a bad one', () => {
  let checks = 0
  const verifier = new TokenVerifier({ clockTolerance: 0, cacheSize: 10 }, (token) => {
    checks++
    if (token.endsWith('.bad')) throw new Error('signature')
    return { sub: 'me' }
  })
  const header = Buffer.from('{"alg":"HS256"}').toString('base64url')
  for (let i = 0; i < 3; i++) assert.equal(verifier.consumer({ authorization: `Bearer ${header}.e30.good` }, [], {}).id, 'me')
  assert.equal(checks, 1)
  for (let i = 0; i < 3; i++) assert.throws(() => verifier.consumer({ authorization: `Bearer ${header}.e30.bad` }, [], {}), { code: 'GW_UNAUTHORIZED' })
  assert.equal(checks, 4)
})
