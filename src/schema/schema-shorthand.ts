import { inspect } from 'node:util'
import { HOLDS, isObject, type SchemaObject } from './json-schema.ts'

/** Names of types as people write them in a shorthand, and what JSON Schema calls them. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'integer',
  boolean: 'boolean',
  array: 'array',
  object: 'object',
  null: 'null',
  text: 'string',
  int: 'integer',
  float: 'number',
  bool: 'boolean',
}
/** Keywords by which an object is known for a schema. */
const TELLING = [
  'type',
  '$ref',
  'properties',
  'items',
  'enum',
  'const',
  'format',
  'anyOf',
  'oneOf',
  'allOf',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
]
/** Keywords whose value is text, and may be the name of a type only where a property is meant. */
const TEXTS = new Set(['id', 'title', 'description', 'format', 'pattern'])
/** Keywords that take any data, schemas included. */
const DATA = new Set(['default', 'example', 'examples', 'const', 'discriminator', 'xml', 'externalDocs'])

/** Most properties that a suggestion writes out, and the longest schema in it. */
const MOST_SHOWN = 4
const LONGEST = 60

/** The type that a word of a shorthand names; undefined when it names none. */
export const typeOf = (value: unknown): string | undefined =>
  typeof value === 'string' && Object.hasOwn(TYPES, value.toLowerCase()) ? TYPES[value.toLowerCase()] : undefined

/**
 * The schema that somebody means who writes only the properties of an object, as in `{ sku: 'string' }`. As a schema
 * that would accept everything.
 * @param keywords  every keyword of JSON Schema
 * @param areHeaders  whether a name may begin with `x-`, which elsewhere is a note for other tools
 * @returns the schema in words; undefined when the schema is none of this kind
 */
export function meantByShorthand(
  schema: SchemaObject,
  keywords: ReadonlySet<string>,
  areHeaders = false,
): string | undefined {
  if (!isShorthand(schema, keywords, areHeaders)) return undefined
  const names = namesOf(schema, areHeaders)
  const shown = names.slice(0, MOST_SHOWN).map((name) => propertyText(name, schema[name]))
  if (names.length > MOST_SHOWN) shown.push('…')
  return `{ type: 'object', properties: { ${shown.join(', ')} } }`
}

const namesOf = (schema: SchemaObject, areHeaders: boolean): string[] =>
  Object.keys(schema).filter((name) => !name.startsWith('$') && (areHeaders || !name.startsWith('x-')))

function isShorthand(schema: SchemaObject, keywords: ReadonlySet<string>, areHeaders = false): boolean {
  const names = namesOf(schema, areHeaders)
  const isSchema = (value: unknown): boolean =>
    isObject(value) && (TELLING.some((keyword) => Object.hasOwn(value, keyword)) || isShorthand(value, keywords))
  return (
    !Object.hasOwn(schema, '$ref') &&
    names.length > 0 &&
    names.every((name) => {
      const value: unknown = schema[name]
      if (!keywords.has(name)) return typeOf(value) !== undefined || isSchema(value)
      if (HOLDS.has(name) || DATA.has(name)) return false
      return isSchema(value) || (TEXTS.has(name) && typeOf(value) !== undefined)
    })
  )
}

/** A property as it is written in a schema. */
export function propertyText(name: string, value: unknown): string {
  const type = typeOf(value)
  const text = type === undefined ? inspect(value, { breakLength: Infinity, depth: 2 }) : `{ type: '${type}' }`
  return `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`}: ${text.length > LONGEST || text.includes('\n') ? '{ … }' : text}`
}
