import { atPointer, pointerOf, pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { isDecimal, valueTypes } from '../schema/value-types.ts'

/** A type whose values can be written as one text. */
export type Scalar = 'string' | 'integer' | 'number' | 'boolean'

/** What a schema expects of a value that is sent as text. */
export interface TextShape {
  /** The type of its values, when there is only one. */
  scalar: Scalar | null
  /** The types that a text may be converted to; none when a string is allowed. */
  textual: readonly Scalar[]
  /** Whether its values may be lists, objects, or others. */
  list: boolean
  object: boolean
  other: boolean
  /** The one type of the items of a list. */
  items: Scalar | null
  /** JSON pointer of the schema of the items. */
  itemsPointer: string | null
  /** JSON pointers of the properties of an object. */
  properties: Map<string, string>
  /** JSON pointer of `additionalProperties`, when that is a schema. */
  othersPointer: string | null
  /** Whether a schema applies to properties that are not listed by name. */
  open: boolean
}

const DEEPEST = 16
const SCALARS = new Set<unknown>(['string', 'integer', 'number', 'boolean'])
/** Keywords that combine schemas. */
const COMPOSED = ['allOf', 'anyOf', 'oneOf']

/** @param pointer  JSON pointer of the schema in the document; null for none, which is any text */
export function textShape(root: unknown, pointer: string | null): TextShape {
  const shape: TextShape = {
    scalar: null,
    textual: [],
    list: false,
    object: false,
    other: false,
    items: null,
    itemsPointer: null,
    properties: new Map(),
    othersPointer: null,
    open: false,
  }
  const schema = pointer === null ? {} : atPointer(root, pointer)
  collect(root, schema, pointer ?? '', shape, new Set())
  const types = valueTypes(root, schema)
  shape.scalar = scalarAmong(types === null ? [] : [...types])
  shape.textual =
    types === null || types.has('string') ? [] : [...types].filter((type): type is Scalar => SCALARS.has(type))
  if (!shape.list && !shape.object) shape.other = true
  return shape
}

/** @param seen  visited schemas; nested unions of the same schemas would multiply */
function collect(root: unknown, schema: unknown, at: string, shape: TextShape, seen: Set<unknown>, depth = 0): void {
  if (!isObject(schema) || depth > DEEPEST || seen.has(schema)) return
  seen.add(schema)
  const types = new Set(schema.type === undefined ? [] : [schema.type].flat())
  if (types.has('array') || (types.size === 0 && (schema.items !== undefined || schema.prefixItems !== undefined))) {
    shape.list = true
    const types = valueTypes(root, schema.items)
    shape.items = scalarAmong(types === null ? [] : [...types])
    if (isObject(schema.items)) shape.itemsPointer = `${at}/items`
  }
  if (
    types.has('object') ||
    (types.size === 0 && (schema.properties !== undefined || schema.additionalProperties !== undefined))
  ) {
    shape.object = true
  }
  if (
    [...types].some((type) => SCALARS.has(type) || type === 'null') ||
    schema.enum !== undefined ||
    'const' in schema
  ) {
    shape.other = true
  }
  if (isObject(schema.properties)) setProperties(root, schema.properties, at, shape.properties)
  if (isObject(schema.additionalProperties)) shape.othersPointer = `${at}/additionalProperties`
  if (
    isObject(schema.additionalProperties) ||
    isObject(schema.patternProperties) ||
    isObject(schema.unevaluatedProperties)
  ) {
    shape.open = true
  }
  if (typeof schema.$ref === 'string') {
    collect(root, atPointer(root, pointerOf(schema.$ref)), pointerOf(schema.$ref), shape, seen, depth + 1)
  }
  for (const keyword of COMPOSED) {
    const parts: unknown = schema[keyword]
    if (Array.isArray(parts)) {
      for (let i = 0; i < parts.length; i++) collect(root, parts[i], `${at}/${keyword}/${i}`, shape, seen, depth + 1)
    }
  }
}

/** Keeps for each property the first schema that states a type. */
function setProperties(root: unknown, schemas: SchemaObject, at: string, properties: Map<string, string>): void {
  for (const name of Object.keys(schemas)) {
    const known = properties.get(name)
    if (known === undefined || valueTypes(root, atPointer(root, known)) === null) {
      properties.set(name, `${at}/properties/${pointerToken(name)}`)
    }
  }
}

/** The type when there is only one; integer and number together are number. */
function scalarAmong(types: readonly string[]): Scalar | null {
  const found = types.length === 2 && types.includes('integer') && types.includes('number') ? ['number'] : types
  return found.length === 1 && SCALARS.has(found[0]) ? (found[0] as Scalar) : null
}

/** Converts a text to a type; returns the text itself when it is not a value of that type. */
export function scalarValue(text: string, type: Scalar): string | number | boolean {
  if (type === 'string') return text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return isDecimal(text) ? Number(text) : text
}
