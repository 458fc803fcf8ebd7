/** How deep a file may be nested; the deepest public documents reach 40. */
const MAX_DEPTH = 200
/**
 * Most values of a document, with those that YAML aliases and references repeat. The largest public documents have
 * about a million.
 */
const MAX_VALUES = 5_000_000

/** What is left of a bound. */
export interface Budget {
  left: number
}

export const valueBudget = (): Budget => ({ left: MAX_VALUES })

/**
 * Copies plain data so that no part is shared and each can be changed in place.
 * @param refuse  makes the error for data that is too deep, too large (aliases may multiply), or has the key
 *   `__proto__`
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
      if (key === '__proto__') throw refuse('has the key "__proto__", which is not allowed: remove it')
      result[key] = copy((part as Record<string, unknown>)[key], depth + 1)
    }
    return result
  }
  return copy(value, 0) as T
}
