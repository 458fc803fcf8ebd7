import assert from 'node:assert/strict'
import { validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import { compileIdentityHeaders } from '../../src/auth/identity-headers.ts'

const valueOf = (
  claim: string,
  claims: Record<string, unknown>,
  id = 'ada',
  scopes: string[] = [],
): string | undefined =>
  compileIdentityHeaders({ 'X-It': claim }).values({ id, scheme: 'jwt', scopes, groups: [], claims })[1]

test('names are in small letters, values follow their names', () => {
  const compiled = compileIdentityHeaders({ 'X-User': 'sub', 'X-Scopes': 'scope', 'x-org': 'org.id' })
  assert.deepEqual(compiled.names, ['x-user', 'x-scopes', 'x-org'])
  assert.deepEqual(
    compiled.values({ id: 'ada', scheme: 'jwt', scopes: ['a', 'b'], groups: [], claims: { org: { id: 7 } } }),
    ['x-user', 'ada', 'x-scopes', 'a b', 'x-org', '7'],
  )
})

test('a claim that is not there makes no header', () => {
  for (const claims of [{}, { org: null }, { org: 7 }, { org: 'text' }, { org: { id: null } }, { org: {} }]) {
    assert.equal(valueOf('org.id', claims), undefined)
  }
  for (const claim of ['__proto__', 'constructor.name', 'toString', 'a.length']) {
    assert.equal(valueOf(claim, { a: 'text' }), undefined, claim)
  }
})

test('values of every kind become text', () => {
  assert.equal(valueOf('x', { x: true }), 'true')
  assert.equal(valueOf('x', { x: 0 }), '0')
  assert.equal(valueOf('x', { x: ['a', 1] }), '["a",1]')
  assert.equal(valueOf('x.y', { x: { y: { z: 1 } } }), '{"z":1}')
  assert.equal(valueOf('x.1', { x: ['a', 'b'] }), 'b')
  assert.equal(valueOf('https://id.test/org', { 'https://id.test/org': 'acme' }), 'acme', 'dots in the name itself')
})

test('sub is the id that was found, whichever claim it came from', () =>
  assert.equal(valueOf('sub', { client_id: 'app' }, 'app'), 'app'))

test('no claim ends a header or leaves visible ASCII', () => {
  const codes = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)).join('')
  for (const text of [
    'a\r\nx-admin: yes',
    'a\nb',
    'a\0b',
    'Zoë',
    '日本',
    '\ud83d\ude00',
    '\ud800',
    'a\ud800b',
    '\x7f',
    codes,
    '\u2028',
    '\tx',
  ]) {
    const value = valueOf('x', { x: text })!
    assert.match(value, /^[\x20-\x7e]*$/, JSON.stringify(text))
    validateHeaderValue('x-it', value)
    assert.equal(decodeURIComponent(value), text.toWellFormed())
  }
})

test('two claims never look alike', () => {
  const texts = ['é', '%C3%A9', '%25C3%A9', 'a', ' a', 'a ', ' a ', '%20a', '100%', '100%25', '']
  assert.equal(new Set(texts.map((text) => valueOf('x', { x: text }))).size, texts.length)
})
