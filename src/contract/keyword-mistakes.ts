import { isObject, pointerToken, type SchemaObject } from './json-schema.ts'
import { patternMistake } from './safe-pattern.ts'

/** What is wrong with one keyword of a schema. */
export type KeywordMistake = [keyword: string, message: string]

/**
 * What the compiler refuses in a schema of a document, or takes for something that its author cannot mean, and the types of its
 * keywords do not show. Schemas within it are not looked into.
 */
export function keywordMistakes (schema: SchemaObject): KeywordMistake[] {
  const mistakes: KeywordMistake[] = []
  for (const [keyword, bound] of [['exclusiveMinimum', 'minimum'], ['exclusiveMaximum', 'maximum']] as const) {
    if (typeof schema[keyword] === 'boolean') mistakes.push([keyword, `is ${schema[keyword]}, allowed since OpenAPI 3.1: a number. Write the number of "${bound}" there, and leave "${bound}" out`])
  }
  for (const keyword of ['enum', 'anyOf', 'oneOf']) {
    if (Array.isArray(schema[keyword]) && schema[keyword].length === 0) mistakes.push([keyword, `is an empty list, which no value fits, allowed: at least one ${keyword === 'enum' ? 'value' : 'schema'}`])
  }
  notePattern(schema.pattern, 'pattern', mistakes)
  for (const name of Object.keys(isObject(schema.patternProperties) ? schema.patternProperties : {})) notePattern(name, `patternProperties/${pointerToken(name)}`, mistakes)
  return mistakes
}

function notePattern (pattern: unknown, keyword: string, mistakes: KeywordMistake[]): void {
  const mistake = typeof pattern === 'string' ? patternMistake(pattern) : null
  if (mistake !== null) mistakes.push([keyword, `the pattern ${mistake}`])
}
