import type { AST } from '@eslint-community/regexpp'

/** How many repetitions are taken off one edge; one by one, since each may lay another bare. */
const MOST_STEPS = 10

/**
 * A pattern that finds something in the same texts with less work. A schema only asks whether there is a match
 * anywhere: then a repetition at the very beginning or end of an alternative never needs more than its least count.
 * `[a-z]+@.{0,1023}` is `[a-z]@`.
 * @param parse  reads a pattern
 * @returns the pattern itself when there is nothing to take off
 */
export function withoutEdges(source: string, parse: (source: string) => AST.Pattern): string {
  // what a group has matched may be asked for again
  if (/\\[1-9k]/.test(source)) return source
  let shorter = source
  for (let step = 0; step < MOST_STEPS; step++) {
    const before = shorter
    const edges = new Set(
      parse(before)
        .alternatives.flatMap(({ elements }) => [elements[0], elements.at(-1)])
        .filter((element) => element?.type === 'Quantifier'),
    )
    for (const { min, max, start, end, element } of [...edges].sort((one, other) => other.start - one.start)) {
      if (max > min) {
        shorter = shorter.slice(0, min === 0 ? start : element.end) + (min > 1 ? `{${min}}` : '') + shorter.slice(end)
      }
    }
    if (shorter === before) break
  }
  return shorter
}
