import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { costOf, LimitDeclaration, limitRules, limitText } from '../../src/limits/limit-schema.ts'

const mistakes = (declaration: unknown): string[] =>
  checkAgainst(LimitDeclaration, declaration, 'x').map(({ field, message }) => `${field}: ${message}`)

test('what may be declared', () => {
  for (const declaration of [
    { max: 1, window: '1m' },
    { max: 1, window: 1000, by: 'group', algorithm: 'sliding' },
    { concurrent: 1, by: { header: 'x-a' } },
    { quota: { max: 1, per: 'day' } },
    { max: 1, window: '1m', by: () => 'x' },
    [
      { max: 1, window: '1m' },
      { concurrent: 1, except: { addresses: ['::1'] } },
    ],
  ]) {
    assert.deepEqual(mistakes(declaration), [])
  }
})

test('a mistake names its field', () => {
  assert.deepEqual(mistakes({ max: 1 }), [
    'window: is missing, allowed: duration (milliseconds, or text such as "30s", "1 minute")',
  ])
  assert.deepEqual(mistakes({ concurent: 1, by: 'route' }), ['concurent: unknown key, did you mean "concurrent"?'])
  assert.deepEqual(mistakes({ quota: { max: 0, per: 'day' } }), ['quota.max: found 0, allowed: integer of at least 1'])
  assert.match(mistakes({ max: 1, window: '1m', algorithm: 'slide' })[0]!, /^algorithm: found "slide", /)
  assert.match(
    mistakes({ max: 1, window: '1m', by: 'cookie' })[0]!,
    /^by: found "cookie", allowed: "consumer", "address", "group", "route", \{ header: name \}/,
  )
  assert.equal(mistakes([]).length, 1)
  assert.equal(mistakes(true).length, 1)
})

test('a limit in words', () => {
  const [one, two, three, four] = limitRules('x', [
    { max: 5, window: '1m', algorithm: 'sliding' },
    { max: 5, window: '1s', burst: 9 },
    { concurrent: 2 },
    { quota: { max: 7, per: 'day', timeZone: 'Asia/Tokyo' } },
  ]).map(limitText)
  assert.deepEqual(
    [one, two, three, four],
    [
      '5 requests in any 60 s',
      '5 requests in 1 s, 9 of them at once',
      '2 requests at once',
      '7 requests a day (Asia/Tokyo)',
    ],
  )
})

test('a cost is a number, or one for each method', () => {
  assert.deepEqual(
    [
      costOf(undefined, 'GET'),
      costOf(3, 'GET'),
      costOf({ POST: 5 }, 'POST'),
      costOf({ POST: 5 }, 'GET'),
      costOf({ GET: 2 }, 'HEAD'),
      costOf({ GET: 2, HEAD: 1 }, 'HEAD'),
    ],
    [1, 3, 5, 1, 2, 1],
  )
})
