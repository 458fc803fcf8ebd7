import { inspect } from 'node:util'
import { HOLDS, isObject, type SchemaObject, VALUE_KEYWORDS } from './json-schema.ts'
import { closest } from './suggestion.ts'

/** Keywords that describe a value and check nothing. */
const ANNOTATIONS = [
  'title',
  'description',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
  'examples',
  '$comment',
  'contentEncoding',
  'contentMediaType',
  // OpenAPI 3.0 and 3.1, section "Schema Object"
  'example',
  'externalDocs',
  'xml',
  // how @fastify/swagger shows a parameter
  'style',
  'explode',
  'allowReserved',
  'collectionFormat',
]

/** Keywords that the compiler checks values with: of JSON Schema 2020-12 and draft-07, OpenAPI, and ajv-formats. */
const ASSERTIONS = [
  ...VALUE_KEYWORDS,
  'format',
  'nullable',
  'discriminator',
  'formatMinimum',
  'formatMaximum',
  'formatExclusiveMinimum',
  'formatExclusiveMaximum',
]

/** Names of schemas and references. Unsupported ones get a message of their own. */
const NAMES = [
  '$id',
  'id',
  '$schema',
  '$ref',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
  '$vocabulary',
  '$async',
]

/** Every keyword that a schema may have. */
export const KEYWORDS: ReadonlySet<string> = new Set([...HOLDS.keys(), ...ASSERTIONS, ...ANNOTATIONS, ...NAMES])
const NEAR = [...HOLDS.keys(), ...ASSERTIONS, ...ANNOTATIONS]

/** Words of other validators that are not similar to the keyword that is meant. */
const ALIASES: Readonly<Record<string, string>> = {
  min: 'minimum',
  max: 'maximum',
  regex: 'pattern',
  regexp: 'pattern',
  values: 'enum',
  options: 'enum',
  def: 'default',
  nullish: 'nullable',
  optional: 'required',
}

/**
 * Finds keywords that JSON Schema does not have. The compiler would ignore them, so `minimun: 0` would check nothing.
 * Names that begin with `x-` are extensions for other tools.
 * @returns one message each, with the JSON pointer of the keyword
 */
export function* unknownKeywords(schema: SchemaObject, pointer: string): Iterable<string> {
  for (const keyword of Object.keys(schema)) {
    if (KEYWORDS.has(keyword) || keyword.startsWith('x-')) continue
    yield `${pointer}/${keyword} is an unknown keyword, ${advice(schema, keyword)}`
  }
}

function advice(schema: SchemaObject, keyword: string): string {
  const guess =
    (Object.hasOwn(ALIASES, keyword.toLowerCase()) ? ALIASES[keyword.toLowerCase()] : undefined) ??
    closest(keyword, NEAR)
  if (guess === 'required' && schema[keyword] === true) {
    return 'which the object around it states: it lists the names that must be there in "required"'
  }
  if (guess !== undefined) return `did you mean "${guess}"?`
  const value: unknown = schema[keyword]
  const isProperty =
    (schema.type === undefined || [schema.type].flat().includes('object')) &&
    (isObject(value) || typeOf(value) !== undefined)
  return isProperty
    ? `did you mean properties: { ${propertyText(keyword, value)} }?`
    : 'which checks nothing: take it out, or let a note for other tools begin with "x-"'
}

/** Type names as people write them in a shorthand, and the types of JSON Schema. */
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
/** Keywords by which an object is recognized as a schema. */
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
/** Keywords with a text value. If the text is a type name, a property was meant. */
const TEXTS = new Set(['id', 'title', 'description', 'format', 'pattern'])
/** Keywords that take any data, schemas included. */
const DATA = new Set(['default', 'example', 'examples', 'const', 'discriminator', 'xml', 'externalDocs'])

/** Most properties that a suggestion writes out, and the longest schema in it. */
const MOST_SHOWN = 4
const LONGEST = 60

/** The type that a word names; undefined when it names none. */
const typeOf = (value: unknown): string | undefined =>
  typeof value === 'string' && Object.hasOwn(TYPES, value.toLowerCase()) ? TYPES[value.toLowerCase()] : undefined

/**
 * Recognizes a schema that only lists properties, such as `{ sku: 'string' }`, and which would accept everything.
 * @param keywords  every keyword of JSON Schema
 * @param areHeaders  whether a name may begin with `x-`, which elsewhere is an extension
 * @returns the schema that is meant, as text; undefined when it is a normal schema
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
function propertyText(name: string, value: unknown): string {
  const type = typeOf(value)
  const text = type === undefined ? inspect(value, { breakLength: Infinity, depth: 2 }) : `{ type: '${type}' }`
  return `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`}: ${text.length > LONGEST || text.includes('\n') ? '{ … }' : text}`
}
