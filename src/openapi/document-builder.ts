import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { BootProblems } from '../errors.ts'
import { bundleDocument } from './document-bundle.ts'
import { checkStructure, type Mistake } from './document-check.ts'
import { type Grammar, OPENAPI, SWAGGER } from './document-grammar.ts'
import { upgradeToThreeOne } from './document-upgrade.ts'
import { DocumentMender, type Mended } from './document-mender.ts'
import { DocumentNotes, type DocumentOrigins, type DocumentSource } from './document-origins.ts'
import { checkDocument, type SchemaMistakes } from './document-rules.ts'
import type { DocumentSources } from './document-sources.ts'
import { readOperations } from './operation-reader.ts'
import { checkOperations } from './operation-rules.ts'
import { upgradeSwagger, SWAGGER_HOMES } from './swagger-upgrade.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'

const refuse = (file: string, message: string): never => {
  throw new BootProblems([{ file, field: '', message }])
}

/** Most rounds of finding and mending mistakes. Leaving out one part can break references of another part. */
const MOST_ROUNDS = 50

/**
 * Builds a document from its parsed root file: bundles the files, checks, upgrades to 3.1, reads the operations.
 * @param faults  what happens to mistakes
 * @throws BootProblems with everything that is wrong
 */
export async function buildDocument(
  source: DocumentSource,
  sources: DocumentSources,
  schemaMistakes: SchemaMistakes,
  faults: FaultMode = 'refuse',
): Promise<ApiDocument> {
  const version = versionOf(source)
  const grammar = version === '2.0' ? SWAGGER : OPENAPI
  const { root: bundled, origins, mistakes, notes: ofBundle } = await bundleDocument(source, grammar, sources)
  const mender = new DocumentMender(faults)
  const mended: string[] = []
  /** Repeats a check until it finds no mistake; later steps rely on what it has checked. */
  const check = <Result>(
    root: SchemaObject,
    grammar: Grammar,
    notes: DocumentNotes,
    round: (notes: DocumentNotes) => [Mistake[], Result],
  ): [DocumentNotes, Result] => {
    for (let left = MOST_ROUNDS; ; left--) {
      const own = notes.copy()
      const [found, result] = round(own)
      if (found.length === 0) return [own, result]
      const rest = left > 0 ? mender.mend(root, grammar, found) : found
      if (rest.length > 0) throw new BootProblems(origins.problems(rest))
      mended.push(...linesOf(origins, found, mender.mended.splice(0)))
    }
  }
  const before = new DocumentNotes()
  for (const [pointer, message] of ofBundle) before.add(message, pointer)
  const [checked] = check(bundled, grammar, before, (notes) => [
    [...mistakes.splice(0), ...checkStructure(grammar, bundled, notes)],
    null,
  ])
  if (version === '2.0') origins.moved = SWAGGER_HOMES
  const root = await upgrade(bundled, version, checked)
  const [notes, found] = check(root, OPENAPI, checked, (own) => {
    const wrong = checkDocument(root, own, schemaMistakes)
    const operations = readOperations(root)
    return [[...wrong, ...checkOperations(root, operations, own)], operations]
  })
  const places = origins.whereabouts([...found.map(({ pointer }) => pointer), ...mender.pointers])
  return {
    name: source.name,
    version,
    root,
    notes: notes.texts(origins),
    mended,
    operations: found.map(({ unused, ...operation }, place) => ({ ...operation, where: places[place]!.where })),
    omitted: mender.omitted.map((operation, place) => ({ ...operation, where: places[found.length + place]!.where })),
  }
}

/** A line for each part that was left out or loosened: where it stands, what was done, and why. */
function linesOf(origins: DocumentOrigins, mistakes: readonly Mistake[], mended: readonly Mended[]): string[] {
  const messages = new Map(mistakes)
  const places = origins.whereabouts(mended.map(({ pointer }) => pointer))
  return mended.map(
    ({ pointer, message }, at) => `${places[at]!.where}: ${message} (${places[at]!.field} ${messages.get(pointer)!})`,
  )
}

async function upgrade(root: SchemaObject, version: string, notes: DocumentNotes): Promise<SchemaObject> {
  if (version.startsWith('3.1')) return root
  const upgraded = version === '2.0' ? await upgradeSwagger(root, notes) : root
  upgradeToThreeOne(upgraded, notes)
  return upgraded
}

function versionOf({ name, value }: DocumentSource): string {
  if (!isObject(value)) return refuse(name, 'is not an OpenAPI document: it is not an object')
  const version: unknown = value.openapi ?? value.swagger
  // YAML reads 2.0 without quotes as a number
  if (value.swagger === 2) value.swagger = '2.0'
  if (value.swagger === '2.0') return '2.0'
  if (typeof value.openapi === 'string' && /^3\.[01](\.|$)/.test(value.openapi)) return value.openapi
  if (value.openapi === 3 || value.openapi === 3.1) {
    return refuse(name, '"openapi" is a number, allowed: text with quotes, such as "3.0.3" or "3.1.0"')
  }
  return refuse(
    name,
    version === undefined
      ? 'is not an OpenAPI document: it has neither "openapi" nor "swagger"'
      : `is of version ${JSON.stringify(version)}, allowed: "openapi" 3.0.x or 3.1.x, or "swagger" "2.0"`,
  )
}
