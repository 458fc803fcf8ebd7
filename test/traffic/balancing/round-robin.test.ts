import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RoundRobin } from '../../../src/traffic/balancing/round-robin.ts'

const target = (id: string, weight: number) => ({ id, weight, inFlight: 0 })

test('gives each target its share in every round, without bursts', () => {
  const balancer = new RoundRobin()
  const targets = [target('a', 5), target('b', 1), target('c', 1)]
  const run = Array.from({ length: 14 }, () => balancer.select(targets).id).join('')
  assert.equal(run, 'aabacaaaabacaa')
})

test('candidates may come and go', () => {
  const [a, b, c] = [target('a', 1), target('b', 1), target('c', 1)]
  const balancer = new RoundRobin()
  const run = [[a, b, c], [b, c], [b, c], [a, b, c], [c]].map((candidates) => balancer.select(candidates).id)
  assert.deepEqual(run.slice(0, 3), ['a', 'b', 'c'])
  assert.equal(run[4], 'c')
})
