import assert from 'node:assert/strict'
import { validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import { policyHeader, retryAfter, stateHeader, statePrefix, tightest } from '../../src/limits/limit-headers.ts'
import type { LimitRule } from '../../src/limits/limit-schema.ts'

const rule = (name: string, max = 10, windowMs = 60_000): LimitRule => ({ name, max, windowMs, by: 'consumer' })

test('every rule is a policy, windows are whole seconds', () => {
  assert.equal(policyHeader([rule('gateway', 100), rule('route:a:GET /x', 5, 1500), rule('short', 1, 20)]), '"gateway";q=100;w=60, "route:a:GET /x";q=5;w=2, "short";q=1;w=1')
})

test('the state completes what is known beforehand', () => assert.equal(stateHeader(statePrefix(rule('a')), 7, 42), '"a";r=7;t=42'))

test('every name makes a valid header', () => {
  assert.equal(policyHeader([rule('a "b" \\ c')]), '"a \\"b\\" \\\\ c";q=10;w=60')
  for (const name of ['/straße', '/日本', 'a\r\nb', '\ud800', '\0', '"']) {
    const header = policyHeader([rule(name)])
    validateHeaderValue('ratelimit-policy', header)
    assert.match(header, /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+";q=10;w=60$/, JSON.stringify(name))
  }
})

test('the tightest is the longest refusal, else the least share left', () => {
  const state = (name: string, max: number, remaining: number, resetSeconds = 10, exceeded = false) => ({ rule: rule(name, max), remaining, resetSeconds, exceeded })
  assert.equal(tightest([state('a', 100, 50), state('b', 10, 1), state('c', 1000, 900)]).rule.name, 'b')
  assert.equal(tightest([state('a', 10, 0), state('b', 10, 0, 5, true)]).rule.name, 'b')
  assert.equal(tightest([state('a', 10, 0, 5, true), state('b', 10, 0, 50, true), state('c', 10, 0, 500)]).rule.name, 'b')
  assert.equal(tightest([state('a', 10, 5), state('b', 10, 5)]).rule.name, 'a')
})

test('Retry-After is never 0', () => assert.deepEqual([retryAfter(0), retryAfter(7)], ['1', '7']))
