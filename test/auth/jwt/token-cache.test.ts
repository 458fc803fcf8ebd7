import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../../src/auth/auth-schema.ts'
import { TokenCache } from '../../../src/auth/jwt/token-cache.ts'

const consumer = (id: string, claims: object = {}): Consumer => ({ id, scheme: 'jwt', scopes: [], groups: [], claims: { ...claims } })

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
