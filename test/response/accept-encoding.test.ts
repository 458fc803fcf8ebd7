import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptsCoding, preferredCoding } from '../../src/response/accept-encoding.ts'

const ALL = ['zstd', 'br', 'gzip'] as const

test('the coding that the client likes best, and of several the one that is offered first', () => {
  const cases: [string | undefined, string | null][] = [
    [undefined, null],
    ['', null],
    ['identity', null],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['deflate', null],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, br', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['br ; q=0.2 , gzip;q=0.3', 'gzip'],
    ['*', 'zstd'],
    ['*;q=0', null],
    ['gzip;q=0', null],
    ['gzip;q=0, *', 'zstd'],
    ['zstd;q=0, br;q=0, *;q=0.1', 'gzip'],
    ['identity;q=0', null],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['identity, gzip;q=0.5', null],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['gzip, *;q=0', 'gzip'],
    ['gzip;q=2', null],
    ['gzip;q=x, br', 'br'],
    ['gzip;level=1', null],
    ['gzip;q=0.0001', null],
    ['gzip;q=0.001', 'gzip'],
    [',,br,', 'br'],
    [`${'x,'.repeat(30)}gzip`, null],
  ]
  for (const [field, coding] of cases) assert.equal(preferredCoding(field, ALL), coding, String(field))
  assert.equal(preferredCoding('zstd, br, gzip', ['gzip', 'br']), 'gzip')
})

test('whether the client takes what an upstream has sent', () => {
  for (const [field, coding, takes] of [
    [undefined, 'gzip', false],
    ['', 'gzip', false],
    ['gzip', 'gzip', true],
    ['gzip', 'x-gzip', true],
    ['x-gzip', 'gzip', true],
    ['gzip;q=0', 'gzip', false],
    ['*', 'br', true],
    ['br;q=0, *', 'br', false],
    ['identity', 'zstd', false],
    ['deflate;q=0.1', 'deflate', true],
  ] as const) {
    assert.equal(acceptsCoding(field, coding), takes, `${field} ${coding}`)
  }
})
