import { isObject, type SchemaObject } from '../contract/json-schema.ts'
import { BootProblems } from '../errors.ts'
import { bundleDocument } from './document-bundle.ts'
import { checkStructure } from './document-check.ts'
import { OPENAPI, SWAGGER } from './document-grammar.ts'
import { liftToThreeOne } from './document-lift.ts'
import { DocumentNotes } from './document-notes.ts'
import type { DocumentSource } from './document-origins.ts'
import { checkDocument, type SchemaMistakes } from './document-rules.ts'
import type { DocumentSources } from './document-sources.ts'
import { readOperations } from './operation-reader.ts'
import { checkOperations } from './operation-rules.ts'
import { liftSwagger, SWAGGER_HOMES } from './swagger-lift.ts'
import type { ApiDocument } from './types.ts'

const refuse = (file: string, message: string): never => { throw new BootProblems([{ file, field: '', message }]) }

/**
 * Makes a document from its parsed root: brings its files into one, checks, lifts, and reads the operations.
 * @throws BootProblems with everything that is wrong
 */
export async function buildDocument (source: DocumentSource, sources: DocumentSources, schemaMistakes: SchemaMistakes): Promise<ApiDocument> {
  const version = versionOf(source)
  const grammar = version === '2.0' ? SWAGGER : OPENAPI
  const bundle = await bundleDocument(source, grammar, sources)
  const { origins, mistakes } = bundle
  const notes = new DocumentNotes()
  for (const [pointer, message] of bundle.notes) notes.add(message, pointer)
  const refuseMistakes = (): void => { if (mistakes.length > 0) throw new BootProblems(origins.problems(mistakes)) }
  mistakes.push(...checkStructure(grammar, bundle.root, notes))
  // what follows relies on the structure
  refuseMistakes()
  if (version === '2.0') origins.moved = SWAGGER_HOMES
  const root = await lift(bundle.root, version, notes)
  mistakes.push(...checkDocument(root, notes, schemaMistakes))
  const found = readOperations(root)
  mistakes.push(...checkOperations(root, found, notes))
  refuseMistakes()
  const places = origins.whereabouts(found.map(({ pointer }) => pointer))
  return {
    name: source.name, version, root, notes: notes.tell(origins),
    operations: found.map(({ unused, ...operation }, place) => ({ ...operation, where: places[place]!.where })),
  }
}

async function lift (root: SchemaObject, version: string, notes: DocumentNotes): Promise<SchemaObject> {
  if (version.startsWith('3.1')) return root
  const lifted = version === '2.0' ? await liftSwagger(root, notes) : root
  liftToThreeOne(lifted, notes)
  return lifted
}

function versionOf ({ name, value }: DocumentSource): string {
  if (!isObject(value)) return refuse(name, 'is no OpenAPI document: it holds no object')
  const version: unknown = value.openapi ?? value.swagger
  // YAML reads 2.0 without quotes as a number
  if (value.swagger === 2) value.swagger = '2.0'
  if (value.swagger === '2.0') return '2.0'
  if (typeof value.openapi === 'string' && /^3\.[01](\.|$)/.test(value.openapi)) return value.openapi
  if (value.openapi === 3 || value.openapi === 3.1) return refuse(name, '"openapi" is a number, allowed: text with quotes, such as "3.0.3" or "3.1.0"')
  return refuse(name, version === undefined ? 'is no OpenAPI document: it has neither "openapi" nor "swagger"' : `is of version ${JSON.stringify(version)}, allowed: "openapi" 3.0.x or 3.1.x, or "swagger" "2.0"`)
}
