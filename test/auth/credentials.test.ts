import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialFrom, withoutCookies, withoutParameters } from '../../src/auth/credentials.ts'

const request = (headers: Record<string, string>, url?: string) => ({ headers, ip: '', raw: { rawHeaders: [], url } })
const everywhere = { header: 'h', query: 'q', cookie: 'c' }

test('header, query and cookie are looked at, as far as they are named', () => {
  assert.equal(credentialFrom(everywhere, request({ h: '1', cookie: 'd=3' }, '/?p=2')), '1')
  assert.equal(credentialFrom(everywhere, request({ cookie: 'd=3' }, '/?q=2')), '2')
  assert.equal(credentialFrom(everywhere, request({ cookie: 'c=3' }, '/?p=2')), '3')
  assert.equal(credentialFrom(everywhere, request({}, '/')), undefined)
  assert.equal(credentialFrom(everywhere, request({})), undefined)
  assert.equal(credentialFrom({}, request({ h: '1', cookie: 'c=3' }, '/?q=2')), undefined)
  assert.equal(credentialFrom({ header: 'h' }, request({ h: '1', cookie: 'c=3' }, '/?q=2')), '1')
})

test('an empty one is there, and several are as good as a wrong one', () => {
  assert.equal(credentialFrom(everywhere, request({ h: '' })), '')
  assert.equal(credentialFrom(everywhere, request({}, '/?q=')), '')
  assert.equal(credentialFrom(everywhere, request({}, '/?q=1&q=1')), '')
  assert.equal(credentialFrom(everywhere, request({ cookie: 'c=1; c=2' })), '')
  assert.equal(credentialFrom(everywhere, request({ h: '1' }, '/?q=1')), '')
  assert.equal(credentialFrom(everywhere, request({ h: '1', cookie: 'c=1' })), '')
  assert.equal(credentialFrom(everywhere, request({ cookie: 'c=1' }, '/?q=1')), '')
  assert.equal(credentialFrom({ header: 'h' }, { headers: { h: ['1', '1'] }, ip: '', raw: { rawHeaders: [] } }), '')
})

test('a cookie is found by its whole name', () => {
  for (const [cookie, expected] of [
    ['cc=1', undefined],
    ['xc=1; c=a=b', 'a=b'],
    ['C=1', undefined],
    [' c=1 ', '1'],
    ['c', undefined],
  ] as const) {
    assert.equal(credentialFrom(everywhere, request({ cookie })), expected, cookie)
  }
})

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
