import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalTarget } from '../../src/listener/canonical-path.ts'

const UNCHANGED = [
  '/',
  '/a',
  '/a/',
  '/a/b?x=..',
  '/a?b=/../c',
  '/...',
  '/a...b',
  '/~u/x.y',
  '/a%2Fb',
  '/a%2F%2Fb',
  '/a?',
  '/a?%',
  '/.well-known/x',
  '/.a',
  '/a%20b',
  '/a:b@c',
  '/%252e%252e/x',
  '/a?x=;y',
  '/..a',
  '/a..',
]
for (const target of UNCHANGED) test(`keeps ${target}`, () => assert.equal(canonicalTarget(target), target))

const NORMALISED: [string, string][] = [
  ['//secret', '/secret'],
  ['/a//b///c', '/a/b/c'],
  ['/%61dmin', '/admin'],
  ['/a%2fb', '/a%2Fb'],
  ['/%7euser', '/~user'],
  ['/caf\xc3\xa9', '/caf%C3%A9'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['//host/path', '/host/path'],
  ['/a?q=\xe9', '/a?q=%E9'],
  ['/%2Da', '/-a'],
]
for (const [target, canonical] of NORMALISED) {
  test(`makes ${canonical} of ${target}`, () => assert.equal(canonicalTarget(target), canonical))
}

const REFUSED = [
  '',
  '*',
  'a',
  '/..',
  '/.',
  '/a/..',
  '/a/../b',
  '/a/./b',
  '/%2e%2e/x',
  '/%2E./x',
  '/.%2e/x',
  '/..%2fx',
  '/..%5cx',
  '/a%5c..',
  '/a\\..\\b',
  '/a\\b',
  '/a%2f..%2fb',
  '/a%2F.',
  '/a/..;x/b',
  '/a/..%3bx/b',
  '/a;x',
  '/a;x=1/b',
  '/a%00b',
  '/a\0b',
  '/a b',
  '/a\tb',
  '/a%',
  '/a%2',
  '/a%zz',
  '/a#b',
  '/a?b#c',
  '/a\x7f',
  '//..//',
  '/%2e',
]
for (const target of REFUSED) {
  test(`refuses ${JSON.stringify(target)}`, () => assert.equal(canonicalTarget(target), null))
}

test('is its own fixed point, whatever it accepts', () => {
  const pieces = [
    '/',
    'a',
    '%2f',
    '%2F',
    '.',
    '%2e',
    '%41',
    '%7E',
    '?',
    '=',
    '&',
    '\xe9',
    '%C3%A9',
    '~',
    ':',
    '%25',
    '-',
  ]
  let seed = 7
  const next = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
  for (let i = 0; i < 20_000; i++) {
    const target = `/${Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join('')}`
    const canonical = canonicalTarget(target)
    if (canonical !== null) assert.equal(canonicalTarget(canonical), canonical, target)
  }
})
