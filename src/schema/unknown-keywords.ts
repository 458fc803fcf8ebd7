import { closest } from './suggestion.ts'
import { HOLDS, isObject, type SchemaObject } from './json-schema.ts'
import { propertyText, typeOf } from './schema-shorthand.ts'

/** Keywords that hold text or data about a value, and check nothing. */
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

/** What the compiler checks values with: JSON Schema 2020-12 and draft-07, OpenAPI, and ajv-formats. */
const ASSERTIONS = [
  'type',
  'enum',
  'const',
  'multipleOf',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minContains',
  'maxContains',
  'minProperties',
  'maxProperties',
  'required',
  'dependentRequired',
  'nullable',
  'discriminator',
  'formatMinimum',
  'formatMaximum',
  'formatExclusiveMinimum',
  'formatExclusiveMaximum',
]

/** Names of schemas and references to them. Those that are not supported have a message of their own. */
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

/** Words of other validators, which no number of edits leads from. */
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
 * Keywords that JSON Schema does not have: the compiler would ignore them, so that `minimun: 0` checks nothing. Those
 * that begin with `x-` are notes for other tools.
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
