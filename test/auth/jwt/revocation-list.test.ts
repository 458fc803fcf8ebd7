import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RevocationList, type RevocationEntries } from '../../../src/auth/jwt/token-revocation.ts'
import type { VerifiedToken } from '../../../src/auth/jwt/token-verifier.ts'

const token = (claims: Record<string, unknown>, id = 'ada'): VerifiedToken => ({
  consumer: { id, scheme: 'jwt', scopes: [], groups: [], claims },
  from: 0,
  until: Infinity,
  key: { key: '', algorithms: [] },
})
const listOf = (...entries: RevocationEntries): RevocationList => {
  const list = new RevocationList()
  list.replace(entries)
  return list
}

test('one token by its jti', () => {
  const list = listOf({ jti: 'x' })
  assert.equal(list.peek(token({ jti: 'x' })), true)
  for (const jti of ['y', undefined, ['x'], 1]) assert.equal(list.peek(token({ jti })), false)
  assert.equal(listOf().peek(token({ jti: 'x' })), false)
})

test('the tokens of somebody, by sub, by what takes its place, or by the id of the consumer', () => {
  const list = listOf({ sub: 'ada' })
  assert.equal(list.peek(token({ sub: 'ada' })), true)
  assert.equal(list.peek(token({ sub: 'ada' }, 'https://a.test|ada')), true, 'of every issuer')
  assert.equal(list.peek(token({ client_id: 'ada' })), true)
  assert.equal(list.peek(token({ sub: 'bob' }, 'bob')), false)
  const one = listOf({ sub: 'https://a.test|ada' })
  assert.equal(one.peek(token({ sub: 'ada' }, 'https://a.test|ada')), true)
  assert.equal(one.peek(token({ sub: 'ada' }, 'https://b.test|ada')), false)
})

test('only those issued before a time; without iat a token counts as old', () => {
  const list = listOf({ sub: 'ada', before: '1970-01-01T00:16:40Z' })
  assert.equal(list.peek(token({ sub: 'ada', iat: 999 })), true)
  assert.equal(list.peek(token({ sub: 'ada', iat: 1000 })), false)
  assert.equal(list.peek(token({ sub: 'ada' })), true)
  const twice = listOf({ sub: 'ada', before: '1970-01-01T00:16:40Z' }, { sub: 'ada', before: '1970-01-01' })
  assert.equal(twice.peek(token({ sub: 'ada', iat: 999 })), true, 'the latest counts')
  assert.equal(listOf({ sub: 'ada', before: '1970-02-31' }, { sub: 'ada' }).peek(token({ sub: 'ada', iat: 9e9 })), true)
})
