import assert from 'node:assert/strict'
import { validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import { isTighter, policyHeader, retryAfter, stateHeader, statePrefix } from '../../src/limits/limit-headers.ts'
import type { LimitRule } from '../../src/limits/limit-schema.ts'

const rule = (name: string, more: Partial<LimitRule> = {}): LimitRule => ({
  name,
  algorithm: 'fixed',
  max: 10,
  windowMs: 60_000,
  by: 'consumer',
  ...more,
})
const taken = (remaining: number, resetMs = 10_000, allowed = true) => ({
  allowed,
  remaining,
  resetMs,
  retryAfterMs: allowed ? 0 : resetMs,
})

test('every rule is a policy, windows are whole seconds', () => {
  assert.equal(
    policyHeader([
      rule('gateway', { max: 100 }),
      rule('route:a:GET /x', { max: 5, windowMs: 1500 }),
      rule('short', { max: 1, windowMs: 20 }),
    ]),
    '"gateway";q=100;w=60, "route:a:GET /x";q=5;w=2, "short";q=1;w=1',
  )
})

test('a policy says what its algorithm allows', () => {
  assert.equal(
    policyHeader([
      rule('bucket', { algorithm: 'token-bucket', max: 10, windowMs: 1000, burst: 50 }),
      rule('busy', { algorithm: 'concurrency', max: 3, windowMs: 0 }),
      rule('day', { algorithm: 'quota', windowMs: 0, per: 'day' }),
      rule('month', { algorithm: 'quota', windowMs: 0, per: 'month' }),
    ]),
    '"bucket";q=50;w=5, "busy";q=3;qu="concurrent-requests", "day";q=10;w=86400, "month";q=10',
  )
})

test('the state completes what is known beforehand, without a time that nobody knows', () => {
  assert.equal(stateHeader(statePrefix(rule('a')), taken(7, 41_001)), '"a";r=7;t=42')
  assert.equal(stateHeader(statePrefix(rule('a')), taken(7, 0)), '"a";r=7')
})

test('every name makes a valid header', () => {
  assert.equal(policyHeader([rule('a "b" \\ c')]), '"a \\"b\\" \\\\ c";q=10;w=60')
  for (const name of ['/straße', '/日本', 'a\r\nb', '\ud800', '\0', '"']) {
    const header = policyHeader([rule(name)])
    validateHeaderValue('ratelimit-policy', header)
    assert.match(header, /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+";q=10;w=60$/, JSON.stringify(name))
  }
})

test('the tightest is the longest refusal, else the least share left', () => {
  const state = (capacity: number, remaining: number, resetMs?: number, allowed?: boolean) => ({
    capacity,
    taken: taken(remaining, resetMs, allowed),
  })
  assert.ok(isTighter(state(10, 1), state(100, 50)))
  assert.ok(!isTighter(state(1000, 900), state(10, 1)))
  assert.ok(isTighter(state(10, 0, 5000, false), state(10, 0)))
  assert.ok(!isTighter(state(10, 0), state(10, 9, 5000, false)))
  assert.ok(isTighter(state(10, 0, 50_000, false), state(10, 0, 5000, false)))
  assert.ok(!isTighter(state(10, 5), state(10, 5)), 'the first of two that are alike stays')
})

test('Retry-After is in whole seconds and never 0', () =>
  assert.deepEqual([0, 1, 1000, 1001, 7000].map(retryAfter), ['1', '1', '1', '2', '7']))
