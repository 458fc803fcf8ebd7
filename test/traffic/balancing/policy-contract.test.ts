import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Balancer } from '../../../src/traffic/balancing/balancer.ts'
import { FirstAvailable, RoundRobin } from '../../../src/traffic/balancing/round-robin.ts'
import { Latency } from '../../../src/traffic/balancing/latency.ts'
import { LeastRequests } from '../../../src/traffic/balancing/least-requests.ts'
import { PowerOfTwo, RandomChoice } from '../../../src/traffic/balancing/random-choice.ts'
import { RendezvousHash } from '../../../src/traffic/balancing/rendezvous-hash.ts'
import { StickySession } from '../../../src/traffic/balancing/sticky-session.ts'
import { request, seededRandom, tally, target, type TestTarget } from './candidates.ts'

type Make = (random: () => number, now: () => number) => Balancer<TestTarget>

const scope = { upstream: 'a', path: '/a' }
const POLICIES: Record<string, Make> = {
  'round-robin': () => new RoundRobin(),
  'least-requests': () => new LeastRequests(),
  'power-of-two': (random) => new PowerOfTwo(random),
  latency: (_random, now) => new Latency(now),
  random: (random) => new RandomChoice(random),
  'hash of a key': () => new RendezvousHash(({ ip }) => ip),
  'hash without a key': () => new RendezvousHash(() => undefined),
  'sticky, without a cookie': (random) => new StickySession({}, scope, new PowerOfTwo(random)),
  'first-available': () => new FirstAvailable(),
}
/** Puts all on one target while it can. */
const UNSHARED = new Set(['first-available'])

/** A service whose targets answer in the order of the requests, each 10 ms after its sending. */
function service(make: Make, targets: TestTarget[]) {
  let now = 0
  const random = seededRandom()
  const balancer = make(random, () => now)
  const watches = new Map(targets.map((each) => [each, balancer.watch?.(each)]))
  const underWay: TestTarget[] = []
  /** @param concurrency  how many requests are under way before this one */
  const pick = (candidates: readonly TestTarget[], concurrency: number): TestTarget => {
    now++
    const chosen = balancer.select(candidates, request({ ip: `192.0.2.${Math.floor(random() * 1e6)}` }))
    chosen.inFlight++
    underWay.push(chosen)
    while (underWay.length > concurrency) {
      const over = underWay.shift()!
      over.inFlight--
      watches.get(over)?.answered(200, 10)
      watches.get(over)?.ended(200, null)
    }
    return chosen
  }
  return { pick, random }
}

for (const [name, make] of Object.entries(POLICIES)) {
  test(`${name}: picks among the candidates alone, while these come and go`, () => {
    const targets = Array.from({ length: 8 }, (_, i) => target(`t${i}`, 1 + (i % 3)))
    const { pick, random } = service(make, targets)
    for (let i = 0; i < 4000; i++) {
      const candidates = targets.filter(() => random() < 0.4)
      if (candidates.length === 0) continue
      assert.ok(candidates.includes(pick(candidates, 20)))
    }
  })

  test(`${name}: a single candidate is picked, whatever it has under way`, () => {
    const only = target('only', 3, 1000)
    const { pick } = service(make, [only])
    for (let i = 0; i < 5; i++) assert.equal(pick([only], 100), only)
  })

  test(`${name}: the ends of chance stay within the candidates`, () => {
    for (const random of [() => 0, () => 1 - 2 ** -53]) {
      const targets = [target('a', 1), target('b', 1000), target('c', 7)]
      const balancer = make(random, () => 0)
      for (const length of [1, 2, 3]) {
        assert.ok(targets.slice(0, length).includes(balancer.select(targets.slice(0, length), request())))
      }
    }
  })

  if (UNSHARED.has(name)) continue

  test(`${name}: shares by weight under load`, () => {
    const targets = [target('a', 1), target('b', 2), target('c', 5)]
    const { pick } = service(make, targets)
    const counts = tally(Array.from({ length: 16_000 }, () => pick(targets, 80)))
    for (const { id, weight } of targets) {
      assert.ok(Math.abs(counts[id]! - weight * 2000) < weight * 200, JSON.stringify(counts))
    }
  })

  test(`${name}: equal targets get equal shares, also one request at a time`, () => {
    const targets = Array.from({ length: 5 }, (_, i) => target(`t${i}`))
    const { pick } = service(make, targets)
    const counts = tally(Array.from({ length: 10_000 }, () => pick(targets, 0)))
    for (const { id } of targets) assert.ok(Math.abs(counts[id]! - 2000) < 200, JSON.stringify(counts))
  })

  test(`${name}: who comes back gets its share again, and nothing for the time that it was away`, () => {
    const targets = [target('a'), target('b'), target('c')]
    const { pick } = service(make, targets)
    for (let i = 0; i < 1000; i++) pick(targets.slice(0, 2), 30)
    const counts = tally(Array.from({ length: 3000 }, () => pick(targets, 30)))
    assert.ok(Math.abs(counts.c! - 1000) < 150, JSON.stringify(counts))
  })
}
