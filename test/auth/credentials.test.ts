import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutCookies, withoutParameters } from '../../src/auth/credentials.ts'

test('cookies are taken out by their whole names, the others stay as they came', () => {
  assert.equal(withoutCookies('a=1; token=x; b=2', ['token']), 'a=1; b=2')
  assert.equal(withoutCookies('token=x;a=1', ['token']), 'a=1')
  assert.equal(withoutCookies(' token = x ', ['token']), null)
  assert.equal(withoutCookies('xtoken=1; Token=2; token2=3', ['token']), 'xtoken=1; Token=2; token2=3')
  assert.equal(withoutCookies('token=1; token=2', ['token']), null)
})

test('parameters are taken out however they are encoded, the others stay as they came', () => {
  assert.equal(withoutParameters('/x?a=1&key=s&b=%20+', ['key']), '/x?a=1&b=%20+')
  for (const query of ['key=s', 'key', '%6bey=s', 'k%65y=s=t', 'key=a&key=b']) {
    assert.equal(withoutParameters(`/x?${query}`, ['key']), '/x')
  }
  assert.equal(withoutParameters('/x?keys=1&Key=2&a=key', ['key']), '/x?keys=1&Key=2&a=key')
  assert.equal(withoutParameters('/x', ['key']), '/x')
})
