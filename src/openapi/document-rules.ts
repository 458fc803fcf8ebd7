import { isDeepStrictEqual } from 'node:util'
import { atPointer, referencePointer } from '../schema/json-pointer.ts'
import { isObject, unionsWith, type SchemaObject } from '../schema/json-schema.ts'
import { useTuplesOf2020 } from '../schema/self-contained-schema.ts'
import { shown, type Mistake } from './document-check.ts'
import { OPENAPI } from './document-grammar.ts'
import type { DocumentNotes } from './document-origins.ts'
import { walkDocument, wholeDocument, type Part } from './document-walk.ts'
import { followReference } from '../schema/local-reference.ts'
import { OperationReach, checkWeight, ReferenceGraph } from './operation-weight.ts'
import { noteUnenforced } from './unenforced-parts.ts'

/**
 * Finds mistakes in the keywords of one schema. A keyword is a JSON pointer within the schema, without its first slash.
 */
export type SchemaMistakes = (schema: SchemaObject) => Iterable<readonly [keyword: string, message: string]>

/** Keywords that name schemas. References to these names are pointers by now. */
const NAMES = ['$id', '$anchor', '$schema', '$dynamicAnchor', '$recursiveAnchor', '$vocabulary', 'id']

/**
 * Checks the references and schemas of an upgraded document, and removes the names of schemas, which have no use any
 * more.
 * @param schemaMistakes  finds what the schema compiler would refuse
 */
export function checkDocument(root: SchemaObject, notes: DocumentNotes, schemaMistakes: SchemaMistakes): Mistake[] {
  const mistakes: Mistake[] = []
  const inSchemas: Mistake[] = []
  const graph = new ReferenceGraph()
  const schemas = new Set<unknown>()
  walkDocument(OPENAPI, wholeDocument(root), {
    part: (part) => {
      const { kind, value, pointer } = part
      if (typeof value.$ref === 'string') checkReference(root, part, graph, mistakes)
      checkExtensions(part, notes, mistakes)
      noteUnenforced(root, part, notes)
      if (kind === 'Schema') {
        schemas.add(value)
        readSchema(part, notes)
        for (const [keyword, message] of schemaMistakes(value)) inSchemas.push([`${pointer}/${keyword}`, message])
      }
      if (kind === 'Callback') notes.add('callbacks are documented only', pointer)
      if (kind === 'Link') notes.add('links are documented only', pointer)
      if ((kind === 'Path' || kind === 'Operation') && value.servers) {
        notes.add(
          'servers of paths and operations are documented only: the targets of the upstream file count',
          `${pointer}/servers`,
        )
      }
    },
  })
  if (isObject(root.webhooks) && Object.keys(root.webhooks).length > 0) {
    notes.add('webhooks are documented only', '/webhooks')
  }
  if (
    typeof root.jsonSchemaDialect === 'string' &&
    !/json-schema\.org\/draft\/2020-12|spec\.openapis\.org\/oas\/3\.1/.test(root.jsonSchemaDialect)
  ) {
    notes.add(
      '"jsonSchemaDialect" names another dialect of JSON Schema than 2020-12, and schemas are read as 2020-12',
      '/jsonSchemaDialect',
    )
  }
  for (const pointer of graph.reduced) {
    notes.add(
      'a schema has an "allOf" with a union of which it is itself a branch: the union is ignored there',
      `${pointer}/$ref`,
    )
  }
  for (const [pointer, reference] of graph.circles()) {
    mistakes.push([
      `${pointer}/$ref`,
      `is "${reference}", which leads back to itself for the same value, without an end`,
    ])
  }
  return [...mistakes, ...usedMistakes(root, inSchemas, notes), ...checkWeight(root, schemas)]
}

/** The mistakes in schemas that an operation uses. The others are never compiled, so their mistakes are only noted. */
function usedMistakes(root: SchemaObject, mistakes: readonly Mistake[], notes: DocumentNotes): Mistake[] {
  if (mistakes.length === 0) return []
  const reach = new OperationReach(root)
  return mistakes.filter(([pointer]) => {
    const isUsed = reach.usersOf(pointer).length > 0
    if (!isUsed) notes.add('a schema that no operation uses has a mistake, which has no effect', pointer)
    return isUsed
  })
}

function checkReference(
  root: SchemaObject,
  { kind, value, pointer }: Part,
  graph: ReferenceGraph,
  mistakes: Mistake[],
): void {
  const target = referencePointer(value.$ref)
  const at = `${pointer}/$ref`
  // reported already by the bundler
  if (target === undefined) return
  const home = OPENAPI[kind]!.home?.join('/')
  const [, component] = /^\/components\/(\w+)\/[^/]+$/.exec(target) ?? []
  if (home !== undefined && component !== undefined && home !== `components/${component}`) {
    mistakes.push([
      at,
      `is "${value.$ref}", which names one of ${component}, allowed: one of ${home.slice(home.indexOf('/') + 1)}`,
    ])
  } else if (kind === 'Schema') {
    const subtype = atPointer(root, pointer.replace(/(\/allOf\/\d+)+$/, ''))
    graph.add(pointer, target, value.$ref, unionsWith(root, atPointer(root, target), subtype))
  } else if (!followReference(root, value, pointer)) {
    mistakes.push([at, `is "${value.$ref}", which leads nowhere or back to itself`])
  }
}

function readSchema({ value, pointer }: Part, notes: DocumentNotes): void {
  for (const name of NAMES) if (name in value) delete value[name]
  useTuplesOf2020(value)
  delete value.additionalItems
  if (value.xml !== undefined) notes.add('"xml" is documented only: bodies in XML are not validated', pointer)
  const wrong = value.default === undefined ? undefined : defaultMistake(value)
  if (wrong !== undefined) notes.add(`a default ${wrong}`, `${pointer}/default`)
}

/** Kinds of parts at which extensions for the gateway are read. */
const READ_AT = new Set(['Operation', 'Path', 'PathItem'])

/** An extension that the gateway writes into its own documents and ignores when it reads one. */
const WRITTEN = 'x-gatehouse-errors'

/**
 * Checks the extensions for the gateway. One in the wrong place would have no effect: an operation would not be hidden,
 * for example.
 */
function checkExtensions({ kind, value, pointer }: Part, notes: DocumentNotes, mistakes: Mistake[]): void {
  if (READ_AT.has(kind)) {
    const internal: unknown = value['x-internal']
    if (internal !== undefined && typeof internal !== 'boolean') {
      mistakes.push([`${pointer}/x-internal`, `${shown(internal)}, allowed: true or false`])
    }
  }
  const inside = kind === 'Document' ? value.paths : kind === 'Operation' ? value.responses : undefined
  const places: [unknown, string][] = [
    ...(READ_AT.has(kind) ? [] : [[value, pointer] as [unknown, string]]),
    [inside, `${pointer}/${kind === 'Document' ? 'paths' : 'responses'}`],
  ]
  for (const [holder, at] of places) {
    for (const name of Object.keys(isObject(holder) ? holder : {})) {
      if (name.startsWith('x-gatehouse-') && name !== WRITTEN) {
        mistakes.push([
          `${at}/${name}`,
          'stands where the gateway does not read it, allowed: at an operation, or at a path for all of its operations',
        ])
      } else if (name === 'x-internal') {
        notes.add('"x-internal" is read at operations and paths, and ignored elsewhere', `${at}/${name}`)
      }
    }
  }
}

const TYPE_CHECKS: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: isObject,
  null: (value) => value === null,
}

/**
 * The mistake in the default of a schema by its own type, enum and bounds; undefined when there is none. Only a hint,
 * since the gateway never inserts defaults.
 */
function defaultMistake({
  default: value,
  type,
  enum: values,
  const: constant,
  minimum,
  maximum,
  minLength,
  maxLength,
}: SchemaObject): string | undefined {
  if (type !== undefined && ![type].flat().some((name: string) => TYPE_CHECKS[name]?.(value))) {
    return 'is of another type than the schema'
  }
  if (Array.isArray(values) && !values.some((item) => isDeepStrictEqual(item, value))) {
    return 'is none of the values of "enum"'
  }
  if (constant !== undefined && !isDeepStrictEqual(constant, value)) return 'is not the value of "const"'
  if (typeof value === 'number' && (value < minimum || value > maximum)) return 'is out of the bounds of the schema'
  if (typeof value === 'string' && (value.length < minLength || value.length > maxLength)) {
    return 'is shorter or longer than the schema allows'
  }
  return undefined
}
