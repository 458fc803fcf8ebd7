import type { Violation } from '../errors.ts'
import { pointerToken } from './json-schema.ts'

/** A number as every upstream reads it: no hexadecimal, no `Infinity`, no space, no plus sign. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A copy that can be coerced; texts that came several times are lists. */
export function copyOfTexts (values: Record<string, unknown>): Record<string, unknown> {
  // a spread takes `__proto__` for a name like any other
  const copy = { ...values }
  for (const name in copy) if (typeof copy[name] === 'object' && Array.isArray(copy[name])) copy[name] = [...copy[name]]
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
  for (const name in coerced) {
    const value = coerced[name]
    if (typeof value === 'number') {
      if (isMisread(original[name], value)) (violations ??= []).push(misread(part, pointerToken(name)))
    } else if (typeof value === 'object' && Array.isArray(value)) {
      const texts = [original[name]].flat()
      for (let i = 0; i < value.length; i++) {
        if (isMisread(texts[i], value[i])) (violations ??= []).push(misread(part, `${pointerToken(name)}/${i}`))
      }
    }
  }
  return violations
}

const isMisread = (text: unknown, value: unknown): boolean =>
  typeof value === 'number' && typeof text === 'string' && !(DECIMAL.test(text) && Number.isFinite(value))

const misread = (part: string, pointer: string): Violation => ({ in: part, pointer: `/${pointer}`, expected: 'a decimal number' })
