import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partOf, requestedRange } from '../../src/cache/byte-range.ts'
import { controlOf, fieldNames, parseCacheControl, secondsOf, parseHttpDate } from '../../src/cache/cache-control.ts'
import { CachePolicy } from '../../src/cache/cache-policy.ts'
import { cacheStatus } from '../../src/cache/cache-status.ts'
import { isNotModified } from '../../src/cache/conditional-request.ts'
import { freshnessLifetime, initialAge, parseAge } from '../../src/cache/freshness.ts'
import { invalidatedBy } from '../../src/cache/purge.ts'
import { audienceOf } from '../../src/cache/storing-rules.ts'
import { selectedBy, selectingValue } from '../../src/cache/vary.ts'

const NOW = Date.parse('2026-06-15T12:00:00Z')
const DATE = 'Mon, 15 Jun 2026 12:00:00 GMT'

test('Cache-Control is read as it is written, whatever stands between', () => {
  const read = (text: string | string[]) => Object.fromEntries(parseCacheControl(text))
  assert.deepEqual(read('Max-Age=60, No-Store'), { 'max-age': '60', 'no-store': null })
  assert.deepEqual(read('max-age="60"'), { 'max-age': '60' })
  assert.deepEqual(read('x="max-age=9, no-store", max-age=1'), { x: 'max-age=9, no-store', 'max-age': '1' })
  assert.deepEqual(read('x="a\\"b, no-store"'), { x: 'a"b, no-store' })
  assert.deepEqual(read('max-age=1, max-age=2'), { 'max-age': '1' })
  assert.deepEqual(read(['max-age=1', 'public']), { 'max-age': '1', public: null })
  assert.deepEqual(read(',, max-age=1 ,,public,'), { 'max-age': '1', public: null })
  assert.deepEqual(read('max-age =1, public'), { public: null })
  assert.deepEqual(read('a b, public'), { public: null })
  assert.deepEqual(read('x="open, public'), {})
  assert.deepEqual([...parseCacheControl('constructor=1, __proto__').keys()], ['constructor', '__proto__'])
  assert.deepEqual(fieldNames('Set-Cookie , x-a,,'), ['set-cookie', 'x-a'])
})

test('a lifetime that is no number is none, one that is too large is very long', () => {
  const seconds = (value: string) => secondsOf(parseCacheControl(`max-age=${value}`), 'max-age')
  for (const wrong of ['', '-1', '1.5', '1e3', "'1'", 'x1', '0x10']) assert.equal(seconds(wrong), 0, wrong)
  assert.deepEqual(
    [seconds('007'), seconds('99999999999999999999'), secondsOf(parseCacheControl('x'), 'max-age')],
    [7, 2 ** 31, undefined],
  )
})

test('of dates the three forms of HTTP are read, and nothing else', () => {
  const right = [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'sUN, 06 nOV 1994 08:49:37 gmt',
  ]
  for (const text of right) assert.equal(parseHttpDate(text, NOW), Date.UTC(1994, 10, 6, 8, 49, 37), text)
  // more than 50 years ahead is the century before
  assert.equal(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', NOW), Date.UTC(2076, 10, 6, 8, 49, 37))
  assert.equal(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', NOW), Date.UTC(1977, 10, 6, 8, 49, 37))
  for (const text of [
    '0',
    '-1',
    '',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    `${right[0]}, ${right[0]}`,
  ]) {
    assert.equal(parseHttpDate(text, NOW), undefined, text)
  }
})

test('the age of a response counts what it has been on its way', () => {
  assert.equal(initialAge({ date: DATE }, NOW, NOW), 0)
  assert.equal(initialAge({ date: DATE }, NOW, NOW + 5000), 5)
  assert.equal(initialAge({ date: DATE, age: '100' }, NOW, NOW + 5000), 105)
  assert.equal(initialAge({ date: 'Mon, 15 Jun 2026 11:59:00 GMT' }, NOW, NOW), 60)
  // a clock that is ahead makes nothing younger
  assert.equal(initialAge({ date: 'Mon, 15 Jun 2026 13:00:00 GMT' }, NOW, NOW), 0)
  assert.deepEqual(
    [parseAge('7, 0'), parseAge(['3', '9']), parseAge('x'), parseAge('-1'), parseAge('1.5')],
    [7, 3, 0, 0, 0],
  )
})

test('how long a response is fresh', () => {
  const lifetime = (headers: Record<string, string>, status = 200) =>
    freshnessLifetime(status, { date: DATE, ...headers }, controlOf(headers), NOW)
  const changed = { 'last-modified': 'Mon, 15 Jun 2026 10:20:00 GMT' }
  assert.equal(lifetime({ 'cache-control': 'max-age=5, s-maxage=9', expires: '0' }), 9)
  assert.equal(lifetime({ expires: 'Mon, 15 Jun 2026 12:01:00 GMT' }), 60)
  assert.equal(lifetime({ expires: '0', ...changed }), 0)
  assert.equal(lifetime(changed), 600)
  assert.equal(lifetime(changed, 302), 0)
  assert.equal(lifetime({ ...changed, 'cache-control': 'public' }, 302), 600)
  assert.equal(lifetime({ 'last-modified': 'Mon, 15 Jun 2020 10:20:00 GMT' }), 86400)
  assert.equal(lifetime({ 'cache-control': 'max-age=5', 'cdn-cache-control': 'max-age=70', expires: '0' }), 70)
  assert.equal(
    lifetime({
      'cache-control': 'max-age=5',
      'cdn-cache-control': 'max-age=70',
      'gatehouse-cache-control': 'max-age=80',
    }),
    80,
  )
  // no structured field, and a value of another type
  assert.equal(lifetime({ 'cache-control': 'max-age=5', 'cdn-cache-control': 'max-age = 70' }), 5)
  assert.equal(lifetime({ 'cache-control': 'max-age=5', 'cdn-cache-control': 'max-age="70"' }), 5)
})

test('who may have a response', () => {
  for (const status of [304, 412, 416, 429, 431]) {
    assert.equal(
      audienceOf(
        { directives: new Map(), isAuthenticated: false, hasCookies: false, hasOwner: false },
        status,
        { 'cache-control': 'public, max-age=60' },
        controlOf({ 'cache-control': 'public, max-age=60' }),
        { hasTtl: true, sharesCookies: true },
      ),
      'none',
    )
  }
  const open = {
    directives: parseCacheControl(undefined),
    isAuthenticated: false,
    hasCookies: false,
    hasOwner: false,
  }
  const consumer = { ...open, isAuthenticated: true, hasOwner: true }
  const audience = (control: string, request = open, status = 200, more = {}) => {
    const headers = { 'cache-control': control, ...more }
    return audienceOf(request, status, headers, controlOf(headers), { hasTtl: false, sharesCookies: false })
  }
  assert.equal(audience('max-age=1'), 'all')
  assert.equal(audience('max-age=1', consumer), 'same')
  assert.equal(audience('max-age=1', { ...consumer, hasOwner: false }), 'none')
  for (const open of ['public', 's-maxage=1', 'max-age=1, must-revalidate']) {
    assert.equal(audience(open, consumer), 'all')
  }
  assert.equal(audience('max-age=1, proxy-revalidate', consumer), 'same')
  for (const no of ['no-store', 'private', 'max-age=1, PRIVATE', 'public, no-store']) assert.equal(audience(no), 'none')
  assert.equal(audience('private="x-a", max-age=1'), 'all')
  assert.equal(audience('', open, 404), 'all')
  assert.equal(audience('', open, 302), 'none')
  assert.equal(audience('max-age=1', open, 599), 'all')
  assert.equal(audience('max-age=1, must-understand', open, 599), 'none')
  assert.equal(audience('max-age=1, must-understand, no-store', open, 200), 'all')
  assert.equal(audience('max-age=1', open, 200, { 'set-cookie': ['a=b'] }), 'none')
  assert.equal(audience('max-age=1, no-cache="Set-Cookie"', open, 200, { 'set-cookie': ['a=b'] }), 'all')
  assert.equal(audience('max-age=1', open, 200, { vary: 'x, *' }), 'none')
  assert.equal(audience('max-age=1', open, 304), 'none')
})

test('values that mean the same select the same', () => {
  const value = (name: string, text: string | string[]) => selectingValue({ [name]: text }, name)
  assert.equal(value('accept-encoding', 'gzip, BR;q=0.5'), value('accept-encoding', 'br; q=0.5,gzip'))
  assert.equal(value('x', '1, 2'), value('x', ['1', '2']))
  assert.notEqual(value('x', '1, 2'), value('x', '2, 1'))
  assert.notEqual(value('x', 'a'), value('x', 'A'))
  assert.notEqual(value('x', '"a, b"'), value('x', '"a,b"'))
  assert.equal(selectingValue({}, 'x'), null)
  assert.deepEqual(selectedBy(['B, a', 'a ,'], { a: '1' }), [
    ['a', '1'],
    ['b', null],
  ])
})

test('ranges', () => {
  assert.deepEqual(requestedRange('bytes=0-', 5), { first: 0, last: 4 })
  assert.deepEqual(requestedRange('bytes=-9', 5), { first: 0, last: 4 })
  assert.deepEqual(requestedRange('BYTES = 1 - 3', 5), { first: 1, last: 3 })
  for (const gone of ['bytes=5-', 'bytes=-0']) assert.equal(requestedRange(gone, 5), 'unsatisfiable')
  for (const none of [
    undefined,
    'bytes=',
    'bytes=-',
    'bytes=2-1',
    'bytes=0-1,2-3',
    'lines=0-1',
    'bytes=a-b',
    'bytes=0x1-2',
  ]) {
    assert.equal(requestedRange(none, 5), null)
  }
  assert.deepEqual(partOf({ 'content-range': 'bytes 2-4/10' }, 3), { first: 2, total: 10 })
  for (const wrong of ['bytes 2-4/*', 'bytes 2-5/10', 'bytes 4-2/10', 'bytes 8-10/10', 'bytes */10']) {
    assert.equal(partOf({ 'content-range': wrong }, 3), null, wrong)
  }
})

test('conditions', () => {
  const stored = { status: 200, storedAt: NOW, headers: { etag: 'W/"a,b"', date: DATE, 'last-modified': DATE } }
  const none = (field: string) => isNotModified({ 'if-none-match': field }, stored)
  for (const match of ['"a,b"', 'W/"a,b"', '"x", W/"a,b"', '*', '"x" ,, "a,b"']) assert.equal(none(match), true, match)
  for (const other of ['"a"', 'w/"a,b"', '"a,b', '""', 'a']) assert.equal(none(other), false, other)
  assert.equal(isNotModified({ 'if-none-match': '"x"', 'if-modified-since': DATE }, stored), false)
  assert.equal(isNotModified({ 'if-modified-since': DATE }, { ...stored, status: 404 }), false)
})

test('what a change puts out', () => {
  const url = 'http://a.test/x?y'
  assert.deepEqual(invalidatedBy(url, 201, ['/new', 'http://b.test/x']), [url, 'http://a.test/new'])
  assert.deepEqual(invalidatedBy(url, 303, ['z#part']), [url, 'http://a.test/z'])
  assert.deepEqual(invalidatedBy(url, 204, ['http://[']), [url])
  assert.deepEqual(invalidatedBy('http://a.test:80/x', 201, ['http://a.test/~y']), [
    'http://a.test:80/x',
    'http://a.test:80/~y',
  ])
  for (const status of [400, 500]) assert.deepEqual(invalidatedBy(url, status, ['/new']), [])
})

test('parameters that do not count are left out, however they are written', () => {
  const deny = new CachePolicy({ key: { query: { deny: ['utm_*', 'a b'] } } })
  assert.equal(deny.key.countedTarget('/x?b=1&utm_a=2&UTM_b=3&a+b=4&a%20b=5&%75tm_c'), '/x?b=1&UTM_b=3')
  assert.equal(deny.key.countedTarget('/x?utm_a'), '/x')
  assert.equal(deny.key.countedTarget('/x'), '/x')
  const allow = new CachePolicy({ key: { query: { allow: ['page'] } } })
  assert.equal(allow.key.countedTarget('/x?q=1&page=2&page=3&%zz'), '/x?page=2&page=3')
  const keyed = new CachePolicy({ key: { headers: ['X-A', 'x-b'], cookies: ['c'] } })
  assert.notEqual(keyed.key.valuesOf({ 'x-a': '1' }, null, null), keyed.key.valuesOf({ 'x-b': '1' }, null, null))
  assert.notEqual(keyed.key.valuesOf({}, 'c=1', null), keyed.key.valuesOf({}, 'd=1', null))
})

test('Cache-Status says what has happened', () => {
  assert.equal(cacheStatus({ forwarded: null, ttl: 9.7 }), 'Gatehouse; hit; ttl=9')
  assert.equal(
    cacheStatus({ forwarded: 'stale', upstreamStatus: 304, ttl: 60, stored: true, collapsed: true }),
    'Gatehouse; fwd=stale; fwd-status=304; ttl=60; stored; collapsed',
  )
})

test('long runs of spaces and commas are read in one walk', () => {
  const spaces = ' '.repeat(300_000)
  const start = performance.now()
  for (const field of [`"x",${spaces}"`, `${spaces}${','.repeat(300_000)}${spaces}"`]) {
    isNotModified({ 'if-none-match': field }, { status: 200, headers: { etag: '"a"' }, storedAt: NOW })
  }
  requestedRange(`bytes=${spaces}x`, 10)
  requestedRange(`bytes=1${spaces}-2${spaces}x`, 10)
  for (const name of ['accept-language', 'x-a']) {
    assert.equal(selectingValue({ [name]: `a${spaces}b ;${spaces}q = 1` }, name), `a${spaces}b;q=1`)
  }
  // a walk anew from each of them takes minutes
  assert.ok(performance.now() - start < 10_000)
})
