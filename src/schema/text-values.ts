import type { Violation } from '../errors.ts'
import { pointerToken } from './json-schema.ts'

/** A number as every upstream reads it: no hexadecimal, no `Infinity`, no space, no plus sign. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A copy that can be coerced; texts that came several times are lists, and forms have objects too. */
export function copyOfTexts(values: Record<string, unknown>): Record<string, unknown> {
  // a spread takes `__proto__` for a name like any other
  const copy = { ...values }
  for (const name in copy) if (typeof copy[name] === 'object') copy[name] = copyOfValue(copy[name])
  return copy
}

function copyOfValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? value.map(copyOfValue) : copyOfTexts(value as Record<string, unknown>)
}

/**
 * Texts that JavaScript reads as a number and others do not. `0x10` passes a schema as 16 and reaches the upstream as
 * `0x10`: what was validated must be what is sent.
 * @param original  the texts as they came
 * @param coerced   the same after validation, with numbers where the schema wants some
 */
export function misreadNumbers(
  original: Record<string, unknown>,
  coerced: Record<string, unknown>,
  part: string,
): Violation[] | null {
  let violations: Violation[] | null = null
  for (const name in coerced) {
    const value = coerced[name]
    if (typeof value === 'number') {
      if (isMisread(original[name], value)) (violations ??= []).push(misread(part, `/${pointerToken(name)}`))
    } else if (typeof value === 'object' && value !== null) {
      collectMisread(original[name], value, part, `/${pointerToken(name)}`, (violations ??= []))
    }
  }
  return violations?.length === 0 ? null : violations
}

function collectMisread(
  original: unknown,
  coerced: unknown,
  part: string,
  pointer: string,
  violations: Violation[],
): void {
  if (typeof coerced === 'number') {
    if (isMisread(original, coerced)) violations.push(misread(part, pointer))
  } else if (Array.isArray(coerced)) {
    // one text may have become a list
    const texts = Array.isArray(original) ? original : [original]
    for (let i = 0; i < coerced.length; i++) collectMisread(texts[i], coerced[i], part, `${pointer}/${i}`, violations)
  } else if (typeof coerced === 'object' && coerced !== null) {
    for (const name of Object.keys(coerced)) {
      collectMisread(
        (original as Record<string, unknown>)[name],
        (coerced as Record<string, unknown>)[name],
        part,
        `${pointer}/${pointerToken(name)}`,
        violations,
      )
    }
  }
}

const isMisread = (text: unknown, value: unknown): boolean =>
  typeof value === 'number' && typeof text === 'string' && !(DECIMAL.test(text) && Number.isFinite(value))

const misread = (part: string, pointer: string): Violation => ({ in: part, pointer, expected: 'a decimal number' })
