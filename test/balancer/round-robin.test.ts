import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RoundRobin } from '../../src/balancer/round-robin.ts'

const target = (name: string, weight: number) => ({ name, weight })

test('gives each target its share in every round, without bursts', () => {
  const balancer = new RoundRobin([target('a', 5), target('b', 1), target('c', 1)])
  const run = Array.from({ length: 14 }, () => balancer.select(null)!.name).join('')
  assert.equal(run, 'aabacaaaabacaa')
})

test('passes over what has been tried, and ends when all have', () => {
  const targets = [target('a', 1), target('b', 1), target('c', 1)]
  const balancer = new RoundRobin(targets)
  const tried = new Set<typeof targets[number]>()
  for (let i = 0; i < 3; i++) tried.add(balancer.select(tried)!)
  assert.equal(tried.size, 3)
  assert.equal(balancer.select(tried), null)
})

test('a single target is chosen once', () => {
  const only = target('only', 1)
  const balancer = new RoundRobin([only])
  assert.equal(balancer.select(null), only)
  assert.equal(balancer.select(new Set([only])), null)
})
