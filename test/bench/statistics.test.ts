import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { agrees, decide, interval, median, pairOrder } from '../../bench/statistics.ts'

const repeated = (value: number, count = 10): number[] => Array.from({ length: count }, () => value)

describe('median', () => {
  test('is the middle value, or halfway between the two middle ones', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 3, 2]), 2.5)
    assert.equal(median([7]), 7)
  })

  test('does not change what it is given', () => {
    const values = [3, 1, 2]
    median(values)
    assert.deepEqual(values, [3, 1, 2])
  })
})

describe('pairOrder', () => {
  test('goes A B B A, so that a steady drift weighs on both servers alike', () => {
    const order = [0, 1, 2, 3].flatMap((pair) => pairOrder(pair, 'A', 'B'))
    assert.equal(order.join(' '), 'A B B A A B B A')
  })

  test('an even number of pairs cancels a drift out of the mean', () => {
    // each round costs one more than the one before
    let cost = 100
    const totals = { A: 0, B: 0 }
    for (let pair = 0; pair < 10; pair++) {
      for (const name of pairOrder(pair, 'A' as const, 'B' as const)) totals[name] += cost++
    }
    assert.equal(totals.A, totals.B)
  })
})

describe('agrees', () => {
  test('two figures agree when the larger is at most the given share above the smaller', () => {
    assert.equal(agrees(100, 103, 0.03), true)
    assert.equal(agrees(103, 100, 0.03), true)
    assert.equal(agrees(100, 103.1, 0.03), false)
    assert.equal(agrees(103.1, 100, 0.03), false)
    assert.equal(agrees(NaN, 100, 0.03), false)
  })
})

describe('interval', () => {
  test('of equal values is that value', () => {
    assert.deepEqual(interval(repeated(1.2)), { low: 1.2, high: 1.2 })
  })

  test('holds the median, lies within the values, and is the same every time', () => {
    const values = [1.01, 0.97, 1.05, 1.2, 0.99, 1.02, 1, 1.03, 0.98, 1.04]
    const { low, high } = interval(values)
    assert.ok(low <= median(values) && median(values) <= high)
    assert.ok(low >= Math.min(...values) && high <= Math.max(...values))
    assert.ok(low < high)
    assert.deepEqual(interval(values), { low, high })
    assert.deepEqual(interval(values.toReversed()), { low, high }, 'the order of the rounds does not matter')
  })

  test('has the width that order statistics give', () => {
    // The bootstrap of a median is known exactly (Efron 1982): with ten values, a resampled median is beyond the second
    // smallest, on one side, in about 2.3 % of the samples. So the bounds lie about the 2nd and the 9th value.
    const { low, high } = interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert.ok(low >= 2 && low <= 3.5, `low is ${low}`)
    assert.ok(high >= 7.5 && high <= 9, `high is ${high}`)
  })

  test('covers the true median in about 95 of 100 experiments', () => {
    let seed = 1
    const random = (): number => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    const experiments = 100
    let covered = 0
    for (let i = 0; i < experiments; i++) {
      const { low, high } = interval(Array.from({ length: 10 }, random))
      if (low <= 0.5 && high >= 0.5) covered++
    }
    assert.ok(covered >= 88 && covered < 100, `covered ${covered} of ${experiments}`)
  })

  test('one outlier among ten rounds does not widen it', () => {
    const quiet = [1, 1.01, 0.99, 1, 1.02, 0.98, 1, 1.01, 0.99, 1]
    const { high } = interval([...quiet.slice(1), 9])
    assert.ok(high < 1.05, `high is ${high}`)
  })
})

describe('decide', () => {
  test('met: the median is at the goal, and the upper bound at most 0.05 above', () => {
    assert.equal(decide(repeated(1.3), 1.3), 'met')
    assert.equal(decide([1.2, 1.22, 1.24, 1.26, 1.28, 1.3, 1.3, 1.31, 1.32, 1.33], 1.3), 'met')
  })

  test('not decided: the median is at the goal, but the upper bound is more than 0.05 above', () => {
    assert.equal(decide([1, 1.1, 1.2, 1.25, 1.28, 1.29, 1.5, 1.6, 1.7, 1.8], 1.3), 'not decided')
  })

  test('not decided: the median is above the goal, but the goal is within the interval', () => {
    assert.equal(decide([1.2, 1.25, 1.28, 1.29, 1.31, 1.32, 1.33, 1.34, 1.35, 1.36], 1.3), 'not decided')
  })

  test('missed: the whole interval is above the goal', () => {
    assert.equal(decide(repeated(1.301), 1.3), 'missed')
    assert.equal(decide([1.5, 1.52, 1.54, 1.55, 1.56, 1.57, 1.58, 1.6, 1.61, 1.62], 1.3), 'missed')
  })

  test('not decided with fewer than ten pairs, however clear they look', () => {
    assert.equal(decide(repeated(1, 9), 1.3), 'not decided')
    assert.equal(decide([], 1.3), 'not decided')
    assert.equal(decide(repeated(2, 9), 1.3), 'not decided')
  })

  test('not decided when a round has no figure', () => {
    assert.equal(decide([...repeated(1, 9), NaN], 1.3), 'not decided')
  })
})
