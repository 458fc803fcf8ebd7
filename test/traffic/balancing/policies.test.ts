import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirstAvailable } from '../../../src/traffic/balancing/round-robin.ts'
import { Latency } from '../../../src/traffic/balancing/latency.ts'
import { LeastRequests } from '../../../src/traffic/balancing/least-requests.ts'
import { PowerOfTwo } from '../../../src/traffic/balancing/random-choice.ts'
import { firstLevel } from '../../../src/traffic/balancing/balancer.ts'
import { request, seededRandom, tally, target } from './candidates.ts'

test('least-requests counts what is under way by weight', () => {
  const balancer = new LeastRequests()
  assert.equal(balancer.select([target('a', 1, 2), target('b', 1, 1), target('c', 1, 3)]).id, 'b')
  assert.equal(balancer.select([target('a', 1, 2), target('b', 4, 7)]).id, 'b')
  const [idle, also, busy] = [target('idle'), target('also'), target('busy', 1, 1)]
  assert.deepEqual(tally(Array.from({ length: 10 }, () => balancer.select([busy, idle, also]))), { idle: 5, also: 5 })
})

test('power-of-two never takes the busiest of three', () => {
  const balancer = new PowerOfTwo(seededRandom())
  const counts = tally(
    Array.from({ length: 3000 }, () => balancer.select([target('a', 1, 9), target('b', 1, 3), target('c', 1, 1)])),
  )
  assert.equal(counts.a, undefined)
  assert.ok(Math.abs(counts.c! - 2000) < 150, JSON.stringify(counts))
})

test('first-available goes down the list, whatever the weights', () => {
  const balancer = new FirstAvailable()
  assert.equal(balancer.select([target('a', 1, 50), target('b', 1000)]).id, 'a')
})

test('backups are for when no target of a lower number is left', () => {
  const [a, b, c, d] = [
    { id: 'a', priority: 1 },
    { id: 'b', priority: 0 },
    { id: 'c', priority: 0 },
    { id: 'd', priority: 2 },
  ]
  assert.deepEqual(firstLevel([a, b, c, d]), [b, c])
  assert.deepEqual(firstLevel([a, d]), [a])
  const all = [b, c]
  assert.equal(firstLevel(all), all, 'nothing to copy')
  assert.deepEqual(firstLevel([]), [])
})

/** Targets `a`, `b`, ... behind the latency policy, and a clock. */
function measured(count: number) {
  const clock = { now: 0 }
  const balancer = new Latency(() => clock.now)
  const targets = Array.from({ length: count }, (_, i) => target('abc'[i]!))
  const watches = targets.map((each) => balancer.watch(each))
  return { clock, balancer, targets, watches, select: () => balancer.select(targets, request()).id }
}

test('latency goes where an answer is expected first, and counts what is under way', () => {
  const { targets, watches, select } = measured(2)
  watches[0]!.answered(200, 10)
  watches[1]!.answered(200, 35)
  assert.equal(select(), 'a')
  targets[0]!.inFlight = 2
  assert.equal(select(), 'a', '10 ms for three against 35 ms for one')
  targets[0]!.inFlight = 3
  assert.equal(select(), 'b')
  targets[0]!.weight = 2
  assert.equal(select(), 'a')
})

test('latency asks a new target at once, and only once until it has answered', () => {
  const { targets, watches, select } = measured(2)
  watches[0]!.answered(200, 1)
  assert.equal(select(), 'b')
  targets[1]!.inFlight = 1
  targets[0]!.inFlight = 500
  assert.equal(select(), 'a')
  watches[1]!.answered(200, 1)
  assert.equal(select(), 'b')
})

test('latency heeds a peak at once, forgives it slowly, and tries a slow target again', () => {
  const { clock, watches, select } = measured(2)
  const [a, b] = watches
  a!.answered(200, 10)
  b!.answered(200, 20)
  a!.answered(200, 400)
  assert.equal(select(), 'b')
  clock.now += 1000
  a!.answered(200, 10)
  assert.equal(select(), 'b', 'one fast answer does not undo a peak')
  // only b answers from now on, until what is known of a has faded
  let waited = 0
  while (select() === 'b') {
    clock.now += 1000
    waited++
    b!.answered(200, 20)
    assert.ok(waited < 60, 'never tried again')
  }
  assert.ok(waited > 10, `after ${waited} s`)
})

test('latency sends nothing to a target that fails fast, in whatever way it fails', () => {
  for (const fail of [
    (watch: ReturnType<Latency<never>['watch']>) => {
      watch.answered(500, 0.1)
      watch.ended(500, null)
    },
    (watch: ReturnType<Latency<never>['watch']>) => watch.ended(0, 'unreachable'),
    (watch: ReturnType<Latency<never>['watch']>) => watch.ended(0, 'timeout'),
    (watch: ReturnType<Latency<never>['watch']>) => {
      watch.answered(200, 0.1)
      watch.ended(200, 'broken')
    },
  ]) {
    const { clock, watches, select } = measured(2)
    watches[1]!.answered(200, 50)
    fail(watches[0]!)
    let failures = 0
    for (let i = 0; i < 300; i++) {
      clock.now += 100
      if (select() === 'a') {
        failures++
        fail(watches[0]!)
      } else watches[1]!.answered(200, 50)
    }
    assert.ok(failures <= 1, `${failures} of 300 in 30 s`)
  }
})

test('of slow services, failures count as slower still, up to a bound', () => {
  const { watches, select } = measured(2)
  watches[0]!.answered(200, 3000)
  watches[1]!.answered(200, 4000)
  watches[0]!.ended(0, 'broken')
  assert.equal(select(), 'b')
  for (let i = 0; i < 100; i++) watches[0]!.ended(0, 'broken')
  assert.deepEqual(watches[0]!.describe(), { latencyMs: 60_000 })
})

test('that a client went away says nothing about latency', () => {
  const { watches, select } = measured(2)
  watches[0]!.answered(200, 10)
  watches[1]!.answered(200, 20)
  watches[0]!.ended(0, 'cancelled')
  assert.equal(select(), 'a')
  assert.deepEqual(new Latency(() => 0).watch(target('new')).describe(), {})
})
