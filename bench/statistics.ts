// What is made of the figures of rounds on a machine that others use too.

/** Fewest pairs of rounds that decide about a goal. */
export const DECIDING_PAIRS = 10
/** How far above the goal the upper bound of the interval may be. */
const SLACK = 0.05
const CONFIDENCE = 0.95
const RESAMPLES = 5000

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The order within a pair of rounds: A B, then B A, so that a steady drift of the machine weighs on both alike. */
export const pairOrder = <T>(pair: number, a: T, b: T): [T, T] => (pair % 2 === 0 ? [a, b] : [b, a])

/** Whether the larger of two figures is at most this share above the smaller. */
export const agrees = (a: number, b: number, share: number): boolean => Math.max(a, b) <= Math.min(a, b) * (1 + share)

/** Numbers in [0, 1) that are the same in every run (mulberry32), so that equal figures give equal intervals. */
function repeatableRandom(): () => number {
  let state = 0x9e3779b9
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The 95 % interval of the median by the percentile bootstrap, which assumes no distribution of the noise. */
export function interval(values: readonly number[]): { low: number; high: number } {
  const random = repeatableRandom()
  const sorted = values.toSorted((a, b) => a - b)
  const medians = Float64Array.from({ length: RESAMPLES }, () =>
    median(sorted.map(() => sorted[Math.floor(random() * sorted.length)]!)),
  ).sort()
  const tail = Math.floor(((1 - CONFIDENCE) / 2) * RESAMPLES)
  return { low: medians[tail]!, high: medians[RESAMPLES - 1 - tail]! }
}

export type Decision = 'met' | 'missed' | 'not decided'

/**
 * What pairs of rounds say about a goal. `met` takes a median at the goal and an interval that ends at most 0.05 above;
 * `missed`, an interval that is all above the goal. Anything else is not decided, and does not pass.
 */
export function decide(ratios: readonly number[], goal: number): Decision {
  if (ratios.length < DECIDING_PAIRS || !ratios.every(Number.isFinite)) return 'not decided'
  const { low, high } = interval(ratios)
  if (median(ratios) <= goal && high <= goal + SLACK) return 'met'
  return low > goal ? 'missed' : 'not decided'
}
