import type { Problem } from '../errors.ts'
import type { ApiDocument, ApiOperation } from '../openapi/types.ts'
import { atPointer, isObject, pointerOf, pointerToken, walkSchema } from './json-schema.ts'
import { patternMistake } from './safe-pattern.ts'

/** What keeps the schemas of a document from being checked, each place once; empty when nothing does. */
export function documentMistakes (document: ApiDocument): Problem[] {
  const problems: Problem[] = []
  const pointers = new Set(document.operations.flatMap(schemaPointers))
  // grows while it is walked
  for (const pointer of pointers) {
    walkSchema(atPointer(document.root, pointer), (schema, at) => {
      const note = (keyword: string, message: string): void => { problems.push({ file: document.name, field: `#${at}/${keyword}`, message }) }
      if (typeof schema.$ref === 'string') pointers.add(pointerOf(schema.$ref))
      if ('$dynamicRef' in schema) note('$dynamicRef', 'dynamic references are not supported: write "$ref"')
      if (Array.isArray(schema.enum) && schema.enum.length === 0) note('enum', 'is empty, so nothing is valid: list the values, or leave it out')
      if (typeof schema.pattern === 'string') notePattern(schema.pattern, (message) => note('pattern', message))
      if (!isObject(schema.patternProperties)) return
      for (const name of Object.keys(schema.patternProperties)) notePattern(name, (message) => note(`patternProperties/${pointerToken(name)}`, message))
    }, pointer)
  }
  return problems
}

function notePattern (pattern: string, note: (message: string) => void): void {
  const mistake = patternMistake(pattern)
  if (mistake !== null) note(`the pattern ${mistake}`)
}

/** Pointers of the schemas that requests and responses are held against. */
function schemaPointers ({ parameters, body, responses }: ApiOperation): string[] {
  return [...parameters, ...body?.content ?? [], ...responses.flatMap(({ content, headers }) => [...content, ...headers])]
    .map(({ schemaPointer }) => schemaPointer)
    .filter((pointer) => pointer !== null)
}
