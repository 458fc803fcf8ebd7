import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/observe/metrics.ts'

test('each gateway counts by itself', () => {
  const [one, other] = [createMetrics(), createMetrics()]
  one.responseViolations.inc({ upstream: 'orders', route: 'GET /orders', status: '200' })
  assert.deepEqual(
    [...one.responseViolations],
    [{ labels: { upstream: 'orders', route: 'GET /orders', status: '200' }, value: 1 }],
  )
  assert.deepEqual([...other.responseViolations], [])
})

test('counts each combination of labels by itself, and keeps none that the caller changes later', () => {
  const { decisions } = createMetrics()
  const labels = { decision: 'ejected', upstream: 'a', target: 'http://one' }
  decisions.inc(labels)
  decisions.inc({ ...labels })
  labels.target = 'http://two'
  decisions.inc(labels)
  assert.deepEqual(
    [...decisions].map(({ labels: { target }, value }) => [target, value]),
    [
      ['http://one', 2],
      ['http://two', 1],
    ],
  )
})
