import { createRequire } from 'node:module'
import type { SchemaObject } from '../../schema/json-schema.ts'

const require = createRequire(import.meta.url)
/** Packages that only mocks need, loaded on first use. */
export const sampler = (): typeof import('openapi-sampler') => require('openapi-sampler')
const re2js = (): typeof import('re2js') => require('re2js')

/** Loads the packages for mocks at boot, so that the first request does not wait for them. */
export function prepareExamples(): void {
  sampler()
  re2js()
}

/** Finds a number that a schema allows, as close to zero as possible; undefined when none is found. */
export function numberExample({
  type,
  minimum,
  maximum,
  exclusiveMinimum,
  exclusiveMaximum,
  multipleOf,
}: SchemaObject): number | undefined {
  const low = Math.max(number(minimum) ?? -Infinity, number(exclusiveMinimum) ?? -Infinity)
  const high = Math.min(number(maximum) ?? Infinity, number(exclusiveMaximum) ?? Infinity)
  const step = number(multipleOf) ?? (type === 'integer' ? 1 : undefined)
  const fits = (value: number): boolean =>
    value >= low &&
    value <= high &&
    !(value === exclusiveMinimum) &&
    !(value === exclusiveMaximum) &&
    (type !== 'integer' || Number.isInteger(value))
  const near = low > 0 ? low : high < 0 ? high : 0
  const candidates =
    step === undefined
      ? [near, near + 1, near - 1, (low + high) / 2]
      : [
          Math.ceil(near / step) * step,
          Math.floor(near / step) * step,
          (Math.floor(near / step) + 1) * step,
          (Math.ceil(near / step) - 1) * step,
        ]
  return candidates.find((value) => Number.isFinite(value) && fits(value))
}

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** Longest pattern for which a text is generated; its repetition counts have at most three digits. */
const MOST_PATTERN = 200

/** Generates a text that matches the pattern of a schema; undefined when it cannot. */
export function patternExample({ pattern, minLength = 0, maxLength = Infinity }: SchemaObject): string | undefined {
  if (pattern.length > MOST_PATTERN || /\d{4}/.test(pattern)) return undefined
  try {
    const text: unknown = sampler().sample({ type: 'string', pattern }, { enablePatterns: true, quiet: true })
    // the sampler supports only part of the syntax, so its text is checked
    return typeof text === 'string' &&
      text.length >= minLength &&
      text.length <= maxLength &&
      re2js().RE2JS.compile(pattern).matcher(text).find()
      ? text
      : undefined
  } catch {
    return undefined
  }
}
