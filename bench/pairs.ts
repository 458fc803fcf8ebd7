import { cost, table } from './report.ts'
import { agrees, DECIDING_PAIRS, decide, type Decision, interval, median, pairOrder } from './statistics.ts'
import type { Round, Station } from './station.ts'

/** Two rounds of a server that is warm lie within this share of each other. */
const WARM_WITHIN = 0.03
export interface PairPlan {
  pairs: number
  /** Length of a round. */
  seconds: number
  /** Load on each server before the first round of its warm-up. */
  warmSeconds: number
  /** Most rounds of its warm-up. A busy machine may never be steady; then the interval says so. */
  warmRounds: number
  /** What is compared: processor time of a request, unless it is said otherwise. */
  value?: (round: Round) => number
}

/** What came of comparing two servers. */
export interface PairResult {
  label: string
  /** The first in units of the second, pair by pair. */
  ratios: number[]
  /** Medians of both, of what was compared. */
  values: [number, number]
  /** Whether both were steady before they were compared. */
  steady: boolean
  goal: number | undefined
}

/** Warms a server up, until two rounds in a row agree within 3 %. @returns false when they never did */
async function untilSteady(station: Station, { seconds, warmSeconds, warmRounds }: PairPlan): Promise<boolean> {
  if (warmSeconds > 0) await station.warmUp(warmSeconds, 2)
  let before = NaN
  for (let round = 0; round < warmRounds; round++) {
    const now = cost(await station.round(seconds))
    if (agrees(before, now, WARM_WITHIN)) return true
    before = now
  }
  return false
}

/**
 * Compares two servers that both run, in rounds that follow one another: A B B A A B B A. What else the machine does
 * weighs on neighbours alike, so each ratio is that of two neighbours.
 */
export async function measurePairs(
  label: string,
  a: Station,
  b: Station,
  goal: number | undefined,
  plan: PairPlan,
): Promise<PairResult> {
  const { pairs, seconds, value = cost } = plan
  const steady = [await untilSteady(a, plan), await untilSteady(b, plan)].every(Boolean)
  const measured = { a: [] as number[], b: [] as number[] }
  for (let pair = 0; pair < pairs; pair++) {
    for (const name of pairOrder(pair, 'a' as const, 'b' as const)) {
      measured[name].push(value(await (name === 'a' ? a : b).round(seconds)))
    }
  }
  return {
    label,
    ratios: measured.a.map((figure, pair) => figure / measured.b[pair]!),
    values: [median(measured.a), median(measured.b)],
    steady,
    goal,
  }
}

/** What a comparison says about its goal; undefined when it has none. */
export const decisionOf = ({ ratios, goal }: PairResult): Decision | undefined =>
  goal === undefined ? undefined : decide(ratios, goal)

export function pairTable(results: readonly PairResult[]): string {
  const rows = results.map((result) => {
    const { label, ratios, values, goal } = result
    const { low, high } = interval(ratios)
    return [
      label,
      median(ratios).toFixed(2),
      `${low.toFixed(2)} to ${high.toFixed(2)}`,
      values.map((figure) => figure.toFixed(1)).join(' / '),
      goal?.toFixed(2) ?? '',
      decisionOf(result) ?? '',
    ]
  })
  return table([['pairs of rounds, A B B A', 'median', '95 % interval', 'us', 'goal', ''], ...rows])
}

/** What a reader must know about a table of pairs. */
export function pairNotes(results: readonly PairResult[]): string[] {
  const notes: string[] = []
  const unsteady = results.filter(({ steady }) => !steady).map(({ label }) => label)
  if (unsteady.length > 0) {
    notes.push(`Not steady within ${WARM_WITHIN * 100} % before the first pair: ${unsteady.join('; ')}.`)
  }
  if (results.some((result) => decisionOf(result) === 'not decided')) {
    notes.push(`Not decided is no pass: the interval is too wide, or there are fewer than ${DECIDING_PAIRS} pairs.`)
    notes.push('Measure again, with more pairs or on a quieter machine.')
  }
  return notes
}
