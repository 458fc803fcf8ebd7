import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlidingWindow, STEPS } from '../../src/limits/sliding-window.ts'

/** Numbers that look random and are the same each time. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The reference: every request that passed, by its time. */
class ExactLog {
  readonly passed: { time: number; cost: number }[] = []

  /** What passed in the window that ends with `now`. */
  used(now: number, windowMs: number): number {
    return this.passed.reduce((sum, { time, cost }) => (time > now - windowMs ? sum + cost : sum), 0)
  }
}

/** A client that bursts, waits, and keeps a steady pace in turn. */
function* arrivals(next: () => number, windowMs: number): Generator<{ time: number; cost: number }, void, undefined> {
  let time = Date.UTC(2026, 0, 1)
  for (let i = 0; i < 600; i++) {
    const mood = next()
    if (mood < 0.4) time += 0
    else if (mood < 0.8) time += Math.floor((next() * windowMs) / 20)
    else if (mood < 0.97) time += Math.floor((next() * windowMs) / 2)
    else time += windowMs + Math.floor(next() * windowMs)
    yield { time, cost: 1 + Math.floor(next() * next() * 4) }
  }
}

for (let seed = 1; seed <= 60; seed++) {
  test(`never more than the limit in any window, and no refusal that an exact log of a little longer a window would not make (seed ${seed})`, () => {
    const next = random(seed)
    const max = 4 + Math.floor(next() * 60)
    const windowMs = [7, 100, 1000, 61_000][Math.floor(next() * 4)]!
    const limiter = new SlidingWindow(max, windowMs, 10)
    const log = new ExactLog()
    let refused = 0
    for (const { time, cost } of arrivals(next, windowMs)) {
      const { allowed, remaining, retryAfterMs, resetMs } = limiter.take('a', cost, time)
      const used = log.used(time, windowMs)
      if (allowed) {
        assert.ok(used + cost <= max, `${used + cost} of ${max} in the window before ${time}`)
        log.passed.push({ time, cost })
        assert.ok(remaining <= max - used - cost, 'never more is promised than is there')
      } else {
        refused++
        assert.ok(log.used(time, windowMs * (1 + 1 / STEPS)) + cost > max, 'refused for what is long ago')
        assert.ok(retryAfterMs > 0 && retryAfterMs <= resetMs)
        // nobody else takes anything meanwhile, so the promise must hold, and not before its time
        assert.ok(log.used(time + retryAfterMs, windowMs) + cost <= max)
      }
    }
    assert.ok(refused > 0 && log.passed.length > 0, 'the test has met both')
    // every window, wherever it begins: those that begin with a request are the fullest
    for (const { time: start } of log.passed) {
      const inside = log.passed.reduce(
        (sum, { time, cost }) => (time >= start && time < start + windowMs ? sum + cost : sum),
        0,
      )
      assert.ok(inside <= max, `${inside} of ${max} from ${start} on`)
    }
  })
}

test('a key costs a bounded amount of memory, however many requests it has', () => {
  const limiter = new SlidingWindow(1_000_000, 1000, 10)
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 500_000; i++) limiter.take('a', 1, i >> 3)
  assert.ok(process.memoryUsage().heapUsed - before < 50_000_000)
  assert.equal(limiter.take('a', 1, 62_500).allowed, true)
})

test('what is given back can be taken again', () => {
  const limiter = new SlidingWindow(2, 1000, 10)
  limiter.take('a', 1, 0)
  limiter.take('a', 1, 0)
  limiter.give('a', 1)
  assert.equal(limiter.take('a', 1, 0).allowed, true)
  assert.equal(limiter.take('a', 1, 0).allowed, false)
})
