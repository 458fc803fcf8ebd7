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
 * Visits a schema and every schema in it, parents first, in the order of their writing. Data (`enum`, `default`,
 * `examples`) and names of properties are never taken for schemas.
 * @param visit  gets a schema and its JSON pointer from the root
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
 * Unions of a schema (`oneOf`, `anyOf`) that have another one among their branches. Where that one is made of the first
 * by `allOf` and so would lead round and round, they are left out: it is the branch that has been chosen already.
 * @param heir  a schema of the document, not a copy
 */
export function unionsWith(root: SchemaObject, schema: unknown, heir: unknown): string[] {
  if (!isObject(schema) || !isObject(heir) || !(schema.oneOf ?? schema.anyOf)) return []
  let unions = branches.get(schema)
  if (!unions) {
    branches.set(schema, (unions = ['oneOf', 'anyOf'].map((keyword) => [keyword, referredBy(root, schema[keyword])])))
  }
  return unions.filter(([, referred]) => referred.has(heir)).map(([keyword]) => keyword)
}

/** What the unions of a schema refer to, by keyword: who has many heirs is asked by each of them. */
const branches = new WeakMap<SchemaObject, [keyword: string, referred: ReadonlySet<unknown>][]>()

function referredBy(root: SchemaObject, union: unknown): Set<unknown> {
  const references = (Array.isArray(union) ? union : []).filter(
    (branch) => isObject(branch) && typeof branch.$ref === 'string',
  )
  return new Set(references.map(({ $ref }) => atPointer(root, pointerOf($ref))))
}

/** A schema without some of its unions, and without what tells their branches apart. */
export function withoutUnions(schema: SchemaObject, unions: readonly string[]): SchemaObject {
  return Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => keyword !== 'discriminator' && !unions.includes(keyword)),
  )
}
