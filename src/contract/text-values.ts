import type { Violation } from '../errors.ts'
import { pointerToken } from './json-schema.ts'

/** A number as every upstream reads it: no hexadecimal, no `Infinity`, no space, no plus sign. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A copy that can be coerced; texts that came several times are lists. */
export function copyOfTexts (values: Record<string, unknown>): Record<string, unknown> {
  // names are the client's: `__proto__` must be a name like any other
  const copy: Record<string, unknown> = Object.create(null)
  for (const name in values) {
    const value = values[name]
    copy[name] = Array.isArray(value) ? [...value] : value
  }
  return copy
}

/**
 * Texts that JavaScript reads as a number and others do not. `0x10` passes a schema as 16 and reaches the upstream as
 * `0x10`: what was validated must be what is sent.
 * @param original  the texts as they came
 * @param coerced   the same after validation, with numbers where the schema wants some
 */
export function misreadNumbers (original: Record<string, unknown>, coerced: Record<string, unknown>, part: string): Violation[] | null {
  let violations: Violation[] | null = null
  const look = (text: unknown, value: unknown, pointer: string): void => {
    if (typeof value !== 'number' || typeof text !== 'string') return
    if (!DECIMAL.test(text) || !Number.isFinite(value)) (violations ??= []).push({ in: part, pointer, expected: 'a decimal number' })
  }
  for (const name in coerced) {
    const value = coerced[name]
    if (typeof value === 'number') look(original[name], value, `/${pointerToken(name)}`)
    else if (Array.isArray(value)) {
      const texts = [original[name]].flat()
      for (let i = 0; i < value.length; i++) look(texts[i], value[i], `/${pointerToken(name)}/${i}`)
    }
  }
  return violations
}
