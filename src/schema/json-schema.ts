import { atPointer, pointerOf, pointerToken } from './json-pointer.ts'

/** A JSON Schema (draft 2020-12) as plain JSON: an object, or `true` and `false`. */
export type JsonSchema = boolean | SchemaObject
export type SchemaObject = { [keyword: string]: any }

/** A schema, a list of schemas, or schemas by name. */
export type Holds = 'one' | 'list' | 'map'

/** Keywords that hold schemas; names in a map are never keywords. `items` is a list in draft-07. */
export const HOLDS: ReadonlyMap<string, Holds> = new Map<string, Holds>([
  ...[
    'items',
    'additionalItems',
    'contains',
    'additionalProperties',
    'propertyNames',
    'not',
    'if',
    'then',
    'else',
    'unevaluatedItems',
    'unevaluatedProperties',
    'contentSchema',
  ].map((name): [string, Holds] => [name, 'one']),
  ...['allOf', 'anyOf', 'oneOf', 'prefixItems'].map((name): [string, Holds] => [name, 'list']),
  ...['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'].map(
    (name): [string, Holds] => [name, 'map'],
  ),
])

/** Keywords that check values by themselves, without a schema in them. */
export const VALUE_KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'enum',
  'const',
  'multipleOf',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'maxContains',
  'minContains',
  'maxProperties',
  'minProperties',
  'required',
  'dependentRequired',
])

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Visits a schema and its subschemas, parents first, in document order. Data (`enum`, `default`, `examples`) and
 * property names are never mistaken for schemas.
 * @param visit  called with a schema and its JSON pointer from the root
 */
export function walkSchema(
  schema: unknown,
  visit: (schema: SchemaObject, pointer: string) => void,
  pointer = '',
): void {
  if (!isObject(schema)) return
  visit(schema, pointer)
  for (const keyword of Object.keys(schema)) {
    const holds = HOLDS.get(keyword)
    const value = schema[keyword]
    if (holds === undefined || typeof value !== 'object' || value === null) continue
    const at = `${pointer}/${keyword}`
    if (holds === 'map') {
      for (const name of Object.keys(value)) walkSchema(value[name], visit, `${at}/${pointerToken(name)}`)
    } else if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) walkSchema(value[i], visit, `${at}/${i}`)
    } else {
      walkSchema(value, visit, at)
    }
  }
}

/**
 * Finds the unions (`oneOf`, `anyOf`) of a schema that have a subtype as a branch. When the subtype includes the schema
 * by `allOf`, following such a union would never end; it is left out, since the subtype is already the selected branch.
 * @param subtype  the schema object of the document, not a copy
 */
export function unionsWith(root: SchemaObject, schema: unknown, subtype: unknown): string[] {
  if (!isObject(schema) || !isObject(subtype) || !(schema.oneOf ?? schema.anyOf)) return []
  let unions = branches.get(schema)
  if (!unions) {
    branches.set(schema, (unions = ['oneOf', 'anyOf'].map((keyword) => [keyword, referredBy(root, schema[keyword])])))
  }
  return unions.filter(([, referred]) => referred.has(subtype)).map(([keyword]) => keyword)
}

/** The schemas that the unions of a schema refer to, by keyword; cached, since each of many subtypes asks for them. */
const branches = new WeakMap<SchemaObject, [keyword: string, referred: ReadonlySet<unknown>][]>()

function referredBy(root: SchemaObject, union: unknown): Set<unknown> {
  const references = (Array.isArray(union) ? union : []).filter(
    (branch) => isObject(branch) && typeof branch.$ref === 'string',
  )
  return new Set(references.map(({ $ref }) => atPointer(root, pointerOf($ref))))
}

/** A copy of a schema without some of its unions and without its discriminator. */
export function withoutUnions(schema: SchemaObject, unions: readonly string[]): SchemaObject {
  return Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => keyword !== 'discriminator' && !unions.includes(keyword)),
  )
}
