import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailureTallies } from '../../src/auth/failure-counts.ts'

test('the number of keys is bounded, whatever clients choose; those with attempts in flight stay', () => {
  const tallies = new FailureTallies(1000, 100, () => 0)
  tallies.get('in flight').reserved++
  for (let i = 0; i < 10_000; i++) tallies.get(`key ${i}`).failures++
  assert.equal(tallies.size, 100)
  assert.equal(tallies.get('in flight').reserved, 1)
  assert.ok(tallies.has('key 9999', 1))
  assert.ok(!tallies.has('key 0', 1))
})

test('windows that are over make room first, and count nothing', () => {
  let now = 0
  const tallies = new FailureTallies(1000, 100, () => now)
  for (let i = 0; i < 90; i++) tallies.get(`old ${i}`).failures++
  now = 1000
  assert.ok(!tallies.has('old 1', 1))
  tallies.get('new').failures++
  assert.equal(tallies.size, 1)
})

test('a key without failures is forgotten when its attempts have ended', () => {
  const tallies = new FailureTallies(1000, 100, () => 0)
  tallies.get('one').reserved += 2
  tallies.release('one')
  assert.equal(tallies.size, 1)
  tallies.release('one')
  assert.equal(tallies.size, 0)
})
