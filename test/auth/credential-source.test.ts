import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialFrom } from '../../src/auth/credentials.ts'

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
