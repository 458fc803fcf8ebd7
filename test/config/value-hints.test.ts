import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDeclaration } from '../../src/routing/declaration-check.ts'

/** What people write instead of a right value, and what they are told to write. */

const fine = { name: 'a', targets: ['http://127.0.0.1:1'], auth: 'none', routes: [{ method: 'GET', url: '/' }] }
const told = (more: object): string[] =>
  checkDeclaration({ ...fine, ...more }, 'a.json', false).problems.map(
    ({ field, message }) => `${field}: ${message.replace(/(\?|it) .*/s, '$1')}`,
  )

test('hosts are told without scheme and port, in small letters and as DNS has them', () => {
  for (const [host, meant] of [
    ['http://app.lan', 'app.lan'],
    ['App.Lan:8080', 'app.lan'],
    ['a..lan', 'a.lan'],
    ['münchen.lan', 'xn--mnchen-3ya.lan'],
    ['https://*.A.lan/x', '*.a.lan'],
  ]) {
    assert.deepEqual(told({ hosts: host }), [`hosts: found "${host}", did you mean "${meant}"?`])
    assert.deepEqual(told({ hosts: [host] }), [`hosts[0]: found "${host}", did you mean "${meant}"?`])
  }
  assert.doesNotMatch(told({ hosts: '!' })[0]!, /did you mean/)
})

test('slashes that are missing in a URL are put in', () => {
  assert.deepEqual(told({ targets: 'http:/127.0.0.1:3001' }), [
    'targets: found "http:/127.0.0.1:3001", did you mean "http://127.0.0.1:3001"?',
  ])
  assert.deepEqual(told({ targets: ['https//x'] }), ['targets[0]: found "https//x", did you mean "https://x"?'])
})

test('names of other gateways and frameworks, a scheme as text and one scope as text are understood', () => {
  assert.deepEqual(told({ routes: [{ method: 'GET', path: '/' }] }), [
    'routes[0].path: unknown key, did you mean "url"?',
  ])
  assert.deepEqual(told({ routes: [{ method: 'GET', url: '/', schema: { query: {} } }] }), [
    'routes[0].schema.query: unknown key, did you mean "querystring"?',
  ])
  assert.deepEqual(told({ auth: 'jwt' }), ['auth: found "jwt", did you mean { jwt: {} }?'])
  assert.deepEqual(told({ auth: { jwt: { scopes: 'orders:read' } } }), [
    'auth.jwt.scopes: found "orders:read", did you mean ["orders:read"]?',
  ])
})
