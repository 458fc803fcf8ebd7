import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdaptiveLimit, concurrencyLimit } from '../../../src/traffic/resilience/concurrency-limit.ts'
import { type BreakerDecision, CircuitBreaker } from '../../../src/traffic/resilience/circuit-breaker.ts'
import { FailureSet } from '../../../src/traffic/resilience/failure-set.ts'
import { HedgePolicy, RecentQuantile } from '../../../src/traffic/resilience/hedge-policy.ts'
import type { BreakerDeclaration } from '../../../src/traffic/resilience/resilience-schema.ts'
import {
  retryAfterDelay,
  RetryBudget,
  RetryPolicy,
  retryPolicy,
  SlidingCounts,
} from '../../../src/traffic/resilience/retry-policy.ts'

test('a sliding count forgets by tenths of its window, and all of it after a long silence', () => {
  const counts = new SlidingCounts(10_000)
  for (let second = 0; second < 10; second++) counts.addFirst(1_000_000 + second * 1000)
  counts.addSecond(1_009_000)
  assert.equal(counts.first(1_009_999), 10)
  assert.equal(counts.first(1_010_000), 9)
  assert.equal(counts.first(1_014_500), 5)
  assert.equal(counts.second(1_018_999), 1)
  assert.equal(counts.second(1_019_000), 0)
  counts.addFirst(1_019_000)
  assert.equal(counts.first(9_000_000), 0)
})

test('a retry budget allows a share of the requests, and a few when there are few', () => {
  const budget = new RetryBudget({ budget: { percent: 20, minimum: 3 } })
  const taken = (now: number) => {
    let n = 0
    while (n < 1000 && budget.take(now)) n++
    return n
  }
  budget.countRequest(0)
  assert.equal(taken(0), 3)
  for (let i = 0; i < 99; i++) budget.countRequest(500)
  assert.equal(taken(500), 17)
  assert.equal(taken(9_999), 0)
  assert.equal(taken(20_000), 3, 'old requests and old retries count no more')
})

test('a budget of nothing allows nothing', () => {
  const budget = new RetryBudget({ budget: { percent: 0, minimum: 0 } })
  for (let i = 0; i < 100; i++) budget.countRequest(i)
  assert.equal(budget.take(100), false)
})

test('pauses double up to their longest, with full jitter', () => {
  const longest = new RetryPolicy({ backoff: { base: '100ms', max: '1s' } }, () => 1)
  assert.deepEqual(
    [0, 1, 2, 3, 4, 60].map((n) => longest.delay(n, undefined)),
    [100, 200, 400, 800, 1000, 1000],
  )
  const shortest = new RetryPolicy({ backoff: { base: '100ms' } }, () => 0)
  assert.equal(shortest.delay(5, undefined), 0)
})

test('Retry-After is kept to, in both forms, as long as it is short enough', () => {
  const now = Date.parse('Mon, 23 Nov 2026 12:00:00 GMT')
  const policy = new RetryPolicy({ backoff: { base: 10, max: '5s' } }, () => 0.5)
  assert.equal(policy.delay(0, '2', now), 2000)
  assert.equal(policy.delay(0, 'Mon, 23 Nov 2026 12:00:03 GMT', now), 3000)
  assert.equal(policy.delay(0, '6', now), undefined)
  assert.equal(policy.delay(0, 'Mon, 23 Nov 2026 12:00:06 GMT', now), undefined)
  assert.equal(policy.delay(0, 'Mon, 23 Nov 2026 11:00:00 GMT', now), 5, 'a date that has passed asks for nothing')
  assert.equal(policy.delay(0, 'soon', now), 5)
  assert.equal(new RetryPolicy({ respectRetryAfter: false }, () => 0).delay(0, '600', now), 0)
})

test('what is no Retry-After asks for nothing', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')
  for (const value of [
    undefined,
    '',
    '-1',
    '1.5',
    '1e9',
    '0x10',
    '99999999999999999999',
    '2026-11-23T12:00:05Z',
    'Nov 2026',
    ['1', '2'],
    'Mon, 99 Nov 2026 99:99:99 GMT',
  ]) {
    assert.equal(retryAfterDelay(value, now), undefined, String(value))
  }
  assert.equal(retryAfterDelay('Monday, 23-Nov-26 12:00:05 GMT', now), 5000)
  assert.equal(retryAfterDelay('Mon Nov 23 12:00:05 2026', now), 5000)
})

test('when nobody says so, only what is surely harmless is tried again', () => {
  const policy = retryPolicy(undefined)!
  assert.equal(policy.failsOver, true)
  assert.equal(policy.attempts, 1)
  assert.equal(policy.delay(0, undefined), 0)
  assert.equal(policy.on.hasStatus(503), false)
  assert.equal(policy.on.hasFailure('timeout'), false)
  assert.equal(policy.methods.has('POST'), false)
  assert.equal(retryPolicy(false), null)
})

test('a set of failures knows causes, statuses and the class of server errors', () => {
  const some = new FailureSet(['timeout', 503, 429])
  assert.deepEqual(
    [429, 500, 503].map((status) => some.hasStatus(status)),
    [true, false, true],
  )
  assert.deepEqual(
    (['unreachable', 'broken', 'timeout', 'cancelled'] as const).map((failure) => some.hasFailure(failure)),
    [false, false, true, false],
  )
  assert.deepEqual(
    [200, 404, 499, 500, 599].map((status) => new FailureSet(['5xx']).hasStatus(status)),
    [false, false, false, true, true],
  )
})

test('a quantile is of the last values, and unknown while there are few', () => {
  const p95 = new RecentQuantile(0.95)
  for (let i = 1; i < 20; i++) p95.add(i)
  assert.equal(p95.current, undefined)
  p95.add(20)
  assert.equal(p95.current, 19)
  for (let i = 0; i < 600; i++) p95.add(1000)
  assert.equal(p95.current, 1000, 'what is long past is forgotten')
})

test('hedges cover safe requests without a body, after a fixed or a learnt time', () => {
  const fixed = new HedgePolicy({ after: '200ms' })
  assert.equal(fixed.delay, 200)
  assert.equal(fixed.max, 1)
  assert.deepEqual(
    ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST'].map((method) => fixed.covers(method, null)),
    [true, true, true, false, false, false],
  )
  assert.equal(fixed.covers('GET', Buffer.from('x')), false)
  const learnt = new HedgePolicy({ after: 'p95' })
  assert.equal(learnt.delay, undefined)
  for (let i = 1; i <= 20; i++) learnt.note(i)
  assert.equal(learnt.delay, 19)
})

/** A breaker with a clock that stands until it is moved. */
function breaker(settings: BreakerDeclaration) {
  const clock = { now: 1000 }
  const decisions: BreakerDecision[] = []
  const circuit = new CircuitBreaker(
    settings,
    (decision) => decisions.push(decision),
    () => clock.now,
  )
  const attempt = (status: number) => {
    circuit.began()
    circuit.answered(status)
    circuit.ended(status, null)
  }
  const fail = (failure: 'unreachable' | 'broken' | 'timeout' | 'cancelled') => {
    circuit.began()
    circuit.ended(0, failure)
  }
  return { clock, decisions, circuit, attempt, fail }
}

test('a breaker opens after failures in a row, and a single probe closes it', () => {
  const { clock, decisions, circuit, attempt, fail } = breaker({ failures: 3, open: '10s' })
  attempt(503)
  fail('timeout')
  attempt(200)
  attempt(503)
  fail('broken')
  attempt(404)
  assert.equal(circuit.isAvailable(), true, 'never three in a row')
  attempt(503)
  fail('unreachable')
  attempt(502)
  assert.deepEqual(decisions, ['opened'])
  assert.equal(circuit.isAvailable(), false)
  assert.equal(circuit.availableIn(), 10_000)
  clock.now += 9_999
  assert.equal(circuit.isAvailable(), false)
  clock.now += 1
  assert.equal(circuit.isAvailable(), true)
  assert.deepEqual(decisions, ['opened'], 'to ask changes nothing')
  circuit.began()
  assert.deepEqual(decisions, ['opened', 'half_opened'])
  assert.equal(circuit.isAvailable(), false, 'one probe at a time')
  assert.equal(circuit.availableIn(), 1000)
  circuit.answered(200)
  assert.deepEqual(decisions, ['opened', 'half_opened', 'closed'])
  assert.equal(circuit.isAvailable(), true, 'the head of the answer decides, however long its end takes')
  circuit.ended(200, null)
  assert.deepEqual(circuit.describe(), { circuit: 'closed' })
})

test('each probe that fails doubles the time, up to its longest; a success begins anew', () => {
  const { clock, circuit, attempt, fail } = breaker({ failures: 1, open: '1s', maxOpen: '3s' })
  attempt(503)
  for (const time of [1000, 2000, 3000, 3000]) {
    assert.equal(circuit.availableIn(), time)
    clock.now += time
    fail('unreachable')
  }
  clock.now += 3000
  attempt(200)
  attempt(503)
  assert.equal(circuit.availableIn(), 1000)
})

test('a probe whose client went away decides nothing, and another may follow', () => {
  const { clock, decisions, circuit, attempt, fail } = breaker({ failures: 1, open: '1s' })
  attempt(503)
  clock.now += 1000
  fail('cancelled')
  assert.deepEqual(decisions, ['opened', 'half_opened'])
  assert.equal(circuit.isAvailable(), true)
  attempt(200)
  assert.deepEqual(decisions, ['opened', 'half_opened', 'closed'])
})

test("a client that goes away is nobody's failure, and a response that breaks off is one", () => {
  const { circuit, fail } = breaker({ failures: 2 })
  for (let i = 0; i < 10; i++) fail('cancelled')
  assert.equal(circuit.isAvailable(), true)
  const other = breaker({ failures: 1 })
  other.circuit.began()
  other.circuit.answered(200)
  other.circuit.ended(200, 'broken')
  assert.equal(other.circuit.isAvailable(), false)
})

test('what comes in while it is open changes nothing', () => {
  const { circuit, decisions, attempt } = breaker({ failures: 1, open: '1s' })
  circuit.began()
  attempt(503)
  circuit.answered(200)
  circuit.ended(200, null)
  assert.equal(circuit.isAvailable(), false)
  assert.deepEqual(decisions, ['opened'])
})

test('a breaker opens by the share of failures, once there are enough to judge by', () => {
  const { clock, circuit, attempt } = breaker({ failureRate: { percent: 50, minimum: 10, window: '10s' } })
  for (let i = 0; i < 9; i++) attempt(503)
  assert.equal(circuit.isAvailable(), true, 'nine are too few, and no number in a row is stated')
  clock.now += 20_000
  for (let i = 0; i < 6; i++) attempt(200)
  for (let i = 0; i < 5; i++) attempt(503)
  assert.equal(circuit.isAvailable(), true, '5 of 11')
  attempt(503)
  assert.equal(circuit.isAvailable(), false, '6 of 12')
})

test('a breaker counts what it is told to count', () => {
  const { circuit, attempt, fail } = breaker({ failures: 1, on: [503] })
  attempt(502)
  fail('unreachable')
  fail('timeout')
  assert.equal(circuit.isAvailable(), true)
  attempt(503)
  assert.equal(circuit.isAvailable(), false)
  const usual = breaker({ failures: 1 })
  usual.attempt(500)
  assert.equal(usual.circuit.isAvailable(), true, 'a client may be able to bring a 500 about')
})

test('a fixed limit lets in so many and no more', () => {
  const limit = concurrencyLimit({ max: 2 })!
  assert.deepEqual([limit.tryAcquire(), limit.tryAcquire(), limit.tryAcquire()], [true, true, false])
  limit.release(5, false)
  assert.deepEqual([limit.tryAcquire(), limit.tryAcquire()], [true, false])
  assert.equal(concurrencyLimit(false), null)
})

/**
 * An upstream that works on `capacity` requests at once, each for 10 ms; more wait in line. Clients always want more
 * than there is. Time passes in steps of a millisecond.
 */
function saturated(limit: AdaptiveLimit, clock: { now: number }, upstream: { capacity: number }) {
  const waiting: number[] = []
  const working: { since: number; end: number }[] = []
  return (ms: number) => {
    for (const end = clock.now + ms; clock.now < end; clock.now++) {
      for (let i = working.length - 1; i >= 0; i--) {
        if (working[i]!.end > clock.now) continue
        limit.release(clock.now - working[i]!.since, false)
        working.splice(i, 1)
      }
      while (limit.tryAcquire()) waiting.push(clock.now)
      while (waiting.length > 0 && working.length < upstream.capacity) {
        working.push({ since: waiting.shift()!, end: clock.now + 10 })
      }
    }
  }
}

test('an adaptive limit finds what the upstream can take, backs off when that shrinks, and comes back', () => {
  const clock = { now: 0 }
  const limit = new AdaptiveLimit(5, 1000, () => clock.now)
  const upstream = { capacity: 40 }
  const run = saturated(limit, clock, upstream)
  run(20_000)
  const found = limit.limit
  assert.ok(found >= 40 && found <= 100, `found ${found} for 40`)
  run(120_000)
  assert.ok(limit.limit >= 40 * 0.6 && limit.limit <= 110, `stays: ${limit.limit}`)
  upstream.capacity = 10
  run(60_000)
  const shrunk = limit.limit
  assert.ok(shrunk >= 8 && shrunk <= 40, `${shrunk} for 10`)
  upstream.capacity = 40
  run(60_000)
  assert.ok(limit.limit >= 35, `${limit.limit} for 40 again`)
  assert.ok(limit.limit <= 110)
})

test('an adaptive limit falls to its minimum while everything fails, and never below', () => {
  const clock = { now: 0 }
  const limit = new AdaptiveLimit(4, 100, () => clock.now)
  for (let i = 0; i < 5000; i++) {
    clock.now += 5
    if (limit.tryAcquire()) limit.release(0, true)
  }
  assert.equal(limit.limit, 4)
  assert.equal(limit.inFlight, 0)
})

test('an adaptive limit does not grow while hardly anything is in flight', () => {
  const clock = { now: 0 }
  const limit = new AdaptiveLimit(4, 1000, () => clock.now)
  const before = limit.limit
  for (let i = 0; i < 5000; i++) {
    assert.equal(limit.tryAcquire(), true)
    clock.now += 10
    limit.release(10, false)
  }
  assert.ok(limit.limit <= before)
})
