import type { Problem } from '../errors.ts'
import type { ApiDocument, ApiOperation } from '../schema/types.ts'
import { atPointer, pointerOf, walkSchema } from '../schema/json-schema.ts'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'

/** What keeps the schemas of a document from being checked, each place once; empty when nothing does. */
export function documentMistakes(document: ApiDocument): Problem[] {
  const problems: Problem[] = []
  const pointers = new Set(document.operations.flatMap(schemaPointers))
  // grows while it is walked
  for (const pointer of pointers) {
    walkSchema(
      atPointer(document.root, pointer),
      (schema, at) => {
        if (typeof schema.$ref === 'string') pointers.add(pointerOf(schema.$ref))
        for (const [keyword, message] of keywordMistakes(schema)) {
          problems.push({ file: document.name, field: `#${at}/${keyword}`, message })
        }
      },
      pointer,
    )
  }
  return problems
}

/** Pointers of the schemas that requests and responses are held against. */
function schemaPointers({ parameters, body, responses }: ApiOperation): string[] {
  return [
    ...parameters,
    ...(body?.content ?? []),
    ...responses.flatMap(({ content, headers }) => [...content, ...headers]),
  ]
    .map(({ schemaPointer }) => schemaPointer)
    .filter((pointer) => pointer !== null)
}
