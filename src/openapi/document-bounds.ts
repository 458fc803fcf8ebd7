import { BootProblems } from '../errors.ts'

/** How deep parts of a document may lie in each other; real ones reach 40. */
const MAX_DEPTH = 200
/** How many values a file may hold, with those that YAML aliases repeat; the largest public documents have about a million. */
const MAX_VALUES = 5_000_000

/**
 * A copy of plain data in which no part is shared, so that it can be changed in place and walked without surprises.
 * @throws BootProblems when it is too deep or too large, as with aliases that multiply, or has keys that JavaScript reads as its own
 */
export function boundedCopy (value: unknown, shownAs: string): unknown {
  let left = MAX_VALUES
  const refuse = (message: string): never => {
    throw new BootProblems([{ file: shownAs, field: '', message }])
  }
  const copy = (part: unknown, depth: number): unknown => {
    if (--left < 0) refuse(`holds more than ${MAX_VALUES} values, its YAML aliases repeated where they are used: make it smaller`)
    if (typeof part !== 'object' || part === null) return part
    if (depth > MAX_DEPTH) refuse(`is nested more than ${MAX_DEPTH} levels deep: make it flatter, with "$ref"`)
    if (Array.isArray(part)) return part.map((item) => copy(item, depth + 1))
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(part)) {
      if (key === '__proto__') refuse('has the key "__proto__": no API needs one of that name, remove it')
      result[key] = copy((part as Record<string, unknown>)[key], depth + 1)
    }
    return result
  }
  return copy(value, 0)
}
