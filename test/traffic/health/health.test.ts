import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HealthCheck } from '../../../src/traffic/health/health-check.ts'
import type { OutlierSettings } from '../../../src/traffic/health/health-schema.ts'
import { OutlierDetection } from '../../../src/traffic/health/outlier-detection.ts'
import { SlowStart } from '../../../src/traffic/health/slow-start.ts'

test('a target is taken out after so many failed checks in a row, and comes back after so many good ones', () => {
  const told: unknown[] = []
  const check = new HealthCheck(
    { healthy: 2, unhealthy: 3 },
    {
      probe: async () => {},
      report: (decision, details) => told.push([decision, details]),
      onReturn: () => told.push('return'),
    },
  )
  for (const wrong of ['a', 'b', null, 'c', 'd']) check.judge(wrong)
  assert.equal(check.isAvailable(), true, 'a good check in between begins anew')
  check.judge('answered 500')
  assert.equal(check.isAvailable(), false)
  for (const wrong of [null, 'e', null]) check.judge(wrong)
  assert.equal(check.isAvailable(), false)
  check.judge(null)
  assert.equal(check.isAvailable(), true)
  assert.deepEqual(told, [['unhealthy', { reason: 'answered 500' }], ['healthy', {}], 'return'])
})

/** Targets under outlier detection, with a clock that the test sets. */
function outliers(settings: OutlierSettings, count: number) {
  const clock = { now: 1000 }
  const told: string[] = []
  const detection = new OutlierDetection(settings, () => clock.now)
  const targets = Array.from({ length: count }, (_, i) =>
    detection.watch(
      (decision, details) =>
        told.push(
          `${i} ${decision} ${(details as { cause?: string; forMs?: number } | undefined)?.cause ?? ''} ${(details as { forMs?: number } | undefined)?.forMs ?? ''}`.trim(),
        ),
      () => {},
    ),
  )
  const fail = (i: number, status: number, times: number) => {
    for (let n = 0; n < times; n++) targets[i]!.answered(status)
  }
  return {
    clock,
    told,
    targets,
    fail,
    available: () => targets.map((target) => (target.isAvailable() ? 1 : 0)).join(''),
  }
}

test('failures in a row eject, each kind counted apart; a good answer in between begins anew', () => {
  const { told, targets, fail } = outliers(
    { consecutive5xx: 5, consecutiveGatewayErrors: 3, consecutiveLocalErrors: 2 },
    10,
  )
  fail(0, 500, 4)
  fail(0, 404, 1)
  fail(0, 500, 4)
  assert.deepEqual(told, [])
  fail(0, 500, 1)
  fail(1, 503, 3)
  for (const failure of ['timeout', 'cancelled', 'cancelled', 'unreachable']) targets[2]!.ended(0, failure)
  for (let i = 0; i < 10; i++) targets[3]!.ended(0, 'cancelled')
  assert.deepEqual(told, [
    '0 ejected consecutive_5xx 30000',
    '1 ejected consecutive_gateway_errors 30000',
    '2 ejected consecutive_local_errors 30000',
  ])
})

test('the time grows with each ejection, up to a bound, and is forgotten while the target does well', () => {
  const { clock, told, fail, available } = outliers(
    { consecutive5xx: 1, baseEjectionTime: 1000, maxEjectionTime: 2500 },
    3,
  )
  const times = (): number[] =>
    told.filter((text) => text.includes('ejected')).map((text) => Number(text.split(' ').at(-1)))
  for (const time of [1000, 2000, 2500, 2500]) {
    fail(0, 500, 1)
    clock.now += time - 1
    assert.equal(available(), '011')
    clock.now += 1
    assert.equal(available(), '111')
  }
  clock.now += 10_000
  fail(0, 500, 1)
  assert.deepEqual(times(), [1000, 2000, 2500, 2500, 1000])
})

test('never more than the share of the targets, and never the last', () => {
  const half = outliers({ consecutive5xx: 1, maxEjectionPercent: 50 }, 4)
  for (let i = 0; i < 4; i++) half.fail(i, 500, 1)
  assert.equal(half.available(), '0011')
  const all = outliers({ consecutive5xx: 1, maxEjectionPercent: 100 }, 3)
  for (let i = 0; i < 3; i++) all.fail(i, 500, 1)
  assert.equal(all.available(), '001')
  const few = outliers({ consecutive5xx: 1, maxEjectionPercent: 10 }, 3)
  for (let i = 0; i < 3; i++) few.fail(i, 500, 1)
  assert.equal(few.available(), '011', 'one may always go')
  const one = outliers({ consecutive5xx: 1 }, 1)
  one.fail(0, 500, 10)
  assert.equal(one.available(), '1')
})

test('targets that fail far more often than the others are ejected, when there is enough to compare', () => {
  const { clock, told, targets } = outliers(
    { consecutive5xx: 0, successRate: { minimumTargets: 5, minimumRequests: 20, interval: 1000, deviations: 1.9 } },
    6,
  )
  const round = (failures: number): void => {
    for (let n = 0; n < 20; n++) targets.forEach((target, i) => target.answered(i === 0 && n < failures ? 500 : 200))
    clock.now += 1000
    targets[1]!.answered(200)
  }
  round(0)
  assert.deepEqual(told, [])
  round(15)
  assert.deepEqual(told, ['0 ejected success_rate 30000'])
})

test('a share grows evenly from its least', () => {
  const clock = { now: 0 }
  const start = new SlowStart({ window: '10s', minimumPercent: 20 }, () => clock.now)
  assert.equal(start.factor, 1)
  start.begin()
  const seen = [0, 1000, 4000, 4999, 10_000].map((now) => {
    clock.now = now
    return start.factor
  })
  assert.deepEqual(seen, [0.2, 0.2, 0.4, 0.4999, 1])
})
