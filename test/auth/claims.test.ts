import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consumerOf } from '../../src/auth/claims.ts'

test('is called by sub, else by client_id or azp', () => {
  assert.equal(consumerOf({ sub: 'ada', client_id: 'app', azp: 'x' })!.id, 'ada')
  assert.equal(consumerOf({ client_id: 'app', azp: 'x' })!.id, 'app')
  assert.equal(consumerOf({ azp: 'x' })!.id, 'x')
})

test('a strange sub is refused, not passed over: its users would all be the client', () => {
  for (const sub of ['', 42, null, {}, ['ada'], true]) {
    assert.equal(consumerOf({ sub, client_id: 'app' }), null, JSON.stringify(sub))
  }
  assert.equal(consumerOf({}), null)
  assert.equal(consumerOf(JSON.parse('{"__proto__":{"sub":"root"}}')), null)
})

test('scopes come as text or list, and one with a space in it is two', () => {
  const scopes = (claims: object) => consumerOf({ sub: 'ada', ...claims })!.scopes
  assert.deepEqual(scopes({ scope: ' a  b ' }), ['a', 'b'])
  assert.deepEqual(scopes({ scope: ['a', 'b c', 7, null, ''] }), ['a', 'b', 'c'])
  assert.deepEqual(scopes({ scp: 'a' }), ['a'])
  assert.deepEqual(scopes({ scopes: ['a'] }), ['a'])
  assert.deepEqual(scopes({ scope: 'a', scp: 'b' }), ['a'], 'the first claim decides')
  for (const scope of [7, null, { a: true }, undefined]) assert.deepEqual(scopes({ scope }), [])
})

test('is frozen, since requests share it', () => {
  const consumer = consumerOf({ sub: 'ada', scope: 'a', org: { roles: ['user'] } })!
  assert.throws(() => {
    ;(consumer as { id: string }).id = 'root'
  }, TypeError)
  assert.throws(() => {
    ;(consumer.scopes as string[]).push('admin')
  }, TypeError)
  assert.throws(() => {
    ;(consumer.claims.org as { roles: string[] }).roles.push('admin')
  }, TypeError)
})

test('groups come from groups or roles', () => {
  const groups = (claims: object) => consumerOf({ sub: 'ada', ...claims })!.groups
  assert.deepEqual(groups({ groups: ['a', 7, ''] }), ['a'])
  assert.deepEqual(groups({ roles: 'a b' }), ['a b'], 'a group may have a space in its name')
  assert.deepEqual(groups({ groups: [], roles: ['a'] }), [], 'the first claim decides')
  assert.deepEqual(groups({}), [])
})

test('stands where the configuration says, and nowhere else', () => {
  const claims = {
    sub: 'ada',
    email: 'ada@x.test',
    realm_access: { roles: ['admin', 7], scopes: 'a b' },
    'https://x.test/org': { id: 'o' },
  }
  const consumer = consumerOf(
    claims,
    'jwt',
    { id: 'email', groups: 'realm_access.roles', scopes: 'realm_access.scopes' },
    'x|',
  )!
  assert.deepEqual([consumer.id, consumer.groups, consumer.scopes], ['x|ada@x.test', ['admin'], ['a', 'b']])
  for (const id of ['nobody', 'realm_access', 'realm_access.constructor.name', 'email.length', '__proto__.sub']) {
    assert.equal(consumerOf({ ...claims }, 'jwt', { id }), null, id)
  }
})
