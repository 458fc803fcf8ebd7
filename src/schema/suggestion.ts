/** Fewest single edits (insert, delete, replace, swap of neighbours) from one word to the other. */
export function distance(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        cost = Math.min(cost, before[column - 2]! + 1)
      }
      current.push(cost)
    }
    before = above
    above = current
  }
  return above[to.length]!
}

/**
 * The candidate that was most likely meant by a mistyped word: equal except for case, or at most one edit in three
 * letters away; undefined when none is.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  // not a mistyped word, and the comparison is quadratic
  if (word.length > 100) return undefined
  const plain = word.toLowerCase()
  let best: string | undefined
  let least = Infinity
  for (const candidate of candidates) {
    const edits = distance(plain, candidate.toLowerCase())
    if (edits <= Math.max(1, Math.floor(Math.min(word.length, candidate.length) / 3)) && edits < least) {
      best = candidate
      least = edits
    }
  }
  return best
}
