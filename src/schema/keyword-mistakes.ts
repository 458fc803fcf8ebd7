import { pointerToken } from './json-pointer.ts'
import { isObject, type SchemaObject } from './json-schema.ts'
import { patternMistake } from './safe-pattern.ts'

/** A mistake in one keyword of a schema. */
export type KeywordMistake = [keyword: string, message: string]

/**
 * Most entries of one keyword. Ten times as many take seconds to compile, during which no other request is served.
 * Public documents reach 700 properties, 600 values of an enum and 41 branches.
 */
const MOST_ENTRIES: Readonly<Record<string, number>> = {
  properties: 5000,
  patternProperties: 500,
  required: 5000,
  enum: 5000,
  allOf: 5000,
  anyOf: 5000,
  oneOf: 5000,
  prefixItems: 5000,
  dependentRequired: 5000,
  dependentSchemas: 5000,
}

/**
 * Finds mistakes in the keywords of one schema that a check of their types cannot find: what the compiler would refuse
 * or misread. Subschemas are not checked.
 */
export function keywordMistakes(schema: SchemaObject): KeywordMistake[] {
  const mistakes: KeywordMistake[] = []
  for (const [keyword, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[keyword] === 'boolean') {
      mistakes.push([
        keyword,
        `is ${schema[keyword]}, allowed since OpenAPI 3.1: a number. Write the number of "${bound}" there, and leave "${bound}" out`,
      ])
    }
  }
  for (const keyword of ['enum', 'anyOf', 'oneOf']) {
    if (Array.isArray(schema[keyword]) && schema[keyword].length === 0) {
      mistakes.push([
        keyword,
        `is an empty list, which no value fits, allowed: at least one ${keyword === 'enum' ? 'value' : 'schema'}`,
      ])
    }
  }
  for (const keyword in MOST_ENTRIES) {
    const value: unknown = schema[keyword]
    const count = Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0
    if (count > MOST_ENTRIES[keyword]!) {
      mistakes.push([keyword, `has ${count} entries, allowed: ${MOST_ENTRIES[keyword]}`])
    }
  }
  notePattern(schema.pattern, 'pattern', mistakes)
  for (const name of Object.keys(isObject(schema.patternProperties) ? schema.patternProperties : {})) {
    notePattern(name, `patternProperties/${pointerToken(name)}`, mistakes)
  }
  return mistakes
}

function notePattern(pattern: unknown, keyword: string, mistakes: KeywordMistake[]): void {
  const mistake = typeof pattern === 'string' ? patternMistake(pattern) : null
  if (mistake !== null) mistakes.push([keyword, `the pattern ${mistake}`])
}
