/** How deep parts of a file may lie in each other; real ones reach 40. */
const MAX_DEPTH = 200
/**
 * How many values a document may hold, with those that YAML aliases and references repeat; the largest public ones have
 * about a million.
 */
const MAX_VALUES = 5_000_000

/** What is left of a bound. */
export interface Budget {
  left: number
}

export const valueBudget = (): Budget => ({ left: MAX_VALUES })

/**
 * A copy of plain data in which no part is shared, so that it can be changed in place and walked without surprises.
 * @param refuse  makes the error that says why it is not accepted: too deep, too large (as with aliases that multiply),
 *   or with a key that JavaScript reads as its own
 */
export function boundedCopy<T>(value: T, refuse: (message: string) => Error, budget = valueBudget()): T {
  const copy = (part: unknown, depth: number): unknown => {
    if (--budget.left < 0) {
      throw refuse(
        `holds more than ${MAX_VALUES} values, with those that YAML aliases and references repeat: make it smaller`,
      )
    }
    if (typeof part !== 'object' || part === null) return part
    if (depth > MAX_DEPTH) throw refuse(`is nested more than ${MAX_DEPTH} levels deep: make it flatter, with "$ref"`)
    if (Array.isArray(part)) return part.map((item) => copy(item, depth + 1))
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(part)) {
      if (key === '__proto__') throw refuse('has the key "__proto__": no API needs one of that name, remove it')
      result[key] = copy((part as Record<string, unknown>)[key], depth + 1)
    }
    return result
  }
  return copy(value, 0) as T
}
