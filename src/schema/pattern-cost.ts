import type { AST } from '@eslint-community/regexpp'

/**
 * What a backtracking engine may have to do for a pattern, read from its structure: never too little, often too much.
 */
export interface PatternCost {
  /** Time grows at most as the length of the text to this power; Infinity when the structure cannot tell. */
  degree: number
  /** By how much it grows besides: in how many ways the parts of bounded length can match. */
  ways: number
}

/** Repetitions up to this many are counted as ways, more of them as growth. */
const FEW = 4
const UNKNOWN: PatternCost = { degree: Infinity, ways: Infinity }

/**
 * Each repetition of one character adds a degree, since any two of them may trade characters; a repeated group is only
 * understood when it can match in one way. A pattern that is not anchored begins anew at every character.
 */
export function patternCost(pattern: AST.Pattern): PatternCost {
  const { degree, ways } = costOfChoice(pattern.alternatives)
  const anchored = pattern.alternatives.every(
    ({ elements: [first] }) => first?.type === 'Assertion' && first.kind === 'start',
  )
  return { degree: anchored ? Math.max(degree, 1) : degree + 1, ways }
}

function costOfChoice(alternatives: readonly AST.Alternative[]): PatternCost {
  let degree = 0
  let ways = 0
  for (const { elements } of alternatives) {
    const cost = costOfSequence(elements)
    degree = Math.max(degree, cost.degree)
    ways += cost.ways
  }
  return { degree, ways }
}

function costOfSequence(elements: readonly AST.Element[]): PatternCost {
  let degree = 0
  let peak = 0
  let ways = 1
  for (const element of elements) {
    const cost = costOf(element)
    ways *= cost.ways
    // what a lookaround has matched is never tried in another way (ECMA-262, section 22.2.2.4)
    if (isLookaround(element)) peak = Math.max(peak, degree + cost.degree)
    else degree += cost.degree
  }
  return { degree: Math.max(degree, peak), ways }
}

const isLookaround = (element: AST.Element): boolean =>
  element.type === 'Assertion' && (element.kind === 'lookahead' || element.kind === 'lookbehind')

function costOf(element: AST.Element): PatternCost {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return costOfChoice(element.alternatives)
    case 'Assertion':
      return 'alternatives' in element ? costOfChoice(element.alternatives) : { degree: 0, ways: 1 }
    case 'Quantifier':
      return costOfRepetition(element)
    case 'Backreference':
      return costOfBackreference(element)
    case 'ExpressionCharacterClass':
      return UNKNOWN
    default:
      return { degree: 0, ways: 1 }
  }
}

function costOfRepetition({ min, max, element }: AST.Quantifier): PatternCost {
  const { degree, ways } = costOf(element)
  if (degree === 0 && ways === 1) {
    if (max === min) return { degree: 0, ways: 1 }
    return max - min < FEW ? { degree: 0, ways: max - min + 1 } : { degree: 1, ways: 1 }
  }
  if (max > FEW) return UNKNOWN
  return { degree: degree * max, ways: (max === min ? ways : ways + 1) ** max }
}

/** One to a text of any length is compared anew in every way. */
function costOfBackreference({ resolved }: AST.Backreference): PatternCost {
  for (const group of [resolved].flat()) if (costOfChoice(group.alternatives).degree > 0) return UNKNOWN
  return { degree: 0, ways: 1 }
}
