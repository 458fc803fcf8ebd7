import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/observe/metrics.ts'

test('each gateway counts by itself', async () => {
  const [one, other] = [createMetrics(), createMetrics()]
  one.responseViolations.inc({ upstream: 'orders', route: 'GET /orders', status: '200' })
  assert.match(await one.registry.metrics(), /^gatehouse_response_violations_total\{upstream="orders",route="GET \/orders",status="200"\} 1$/m)
  assert.doesNotMatch(await other.registry.metrics(), /orders/)
})
