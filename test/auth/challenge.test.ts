import assert from 'node:assert/strict'
import { test } from 'node:test'
import { insufficientScope } from '../../src/auth/challenge.ts'
import { ERRORS } from '../../src/errors.ts'

test('a refusal names the scopes that are missing, whatever the scheme', () => {
  const bearer = insufficientScope('Bearer realm="gatehouse"', ['a', 'b', 'c'], ['b', 'other'])
  assert.deepEqual(bearer.extensions, { missingScopes: ['a', 'c'] })
  assert.match(bearer.message, /lack the scopes "a", "c", which this route requires: use credentials that have them/)
  assert.equal(
    bearer.headers!['www-authenticate'],
    'Bearer realm="gatehouse", error="insufficient_scope", scope="a b c"',
  )
  for (const challenge of [undefined, 'Basic realm="gatehouse"']) {
    const other = insufficientScope(challenge, ['a'], [])
    assert.deepEqual([other.extensions, other.headers], [{ missingScopes: ['a'] }, undefined])
  }
})

test('a refusal for a group or claim names nothing', () => {
  for (const scopes of [[], ['a']]) {
    const { message, extensions } = insufficientScope('Bearer realm="gatehouse"', scopes, ['a'])
    assert.deepEqual([message, extensions], [ERRORS.GW_FORBIDDEN.message, undefined])
  }
})
