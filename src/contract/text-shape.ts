import { atPointer, isObject, pointerOf, pointerToken } from './json-schema.ts'

/** A type whose values one text can stand for. */
export type Scalar = 'string' | 'integer' | 'number' | 'boolean'

/** What a schema makes of a value that comes as text. */
export interface TextShape {
  /** The one type of its values, when that is all there is to it. */
  scalar: Scalar | null
  /** Whether a list, an object or something else is among its values. */
  list: boolean
  object: boolean
  other: boolean
  /** The one type of the items of a list. */
  items: Scalar | null
  /** JSON pointers of the properties of an object. */
  properties: Map<string, string>
  /** Whether a schema speaks of properties that have no name there. */
  open: boolean
}

const DEEPEST = 16
const SCALARS = new Set<unknown>(['string', 'integer', 'number', 'boolean'])
/** Keywords that put schemas together. */
const COMPOSED = ['allOf', 'anyOf', 'oneOf']

/** @param pointer  JSON pointer of the schema in the document; null for none, which is any text */
export function textShape (root: unknown, pointer: string | null): TextShape {
  const shape: TextShape = { scalar: null, list: false, object: false, other: false, items: null, properties: new Map(), open: false }
  const schema = pointer === null ? {} : atPointer(root, pointer)
  collect(root, schema, pointer ?? '', shape, new Set())
  shape.scalar = scalarOf(root, schema)
  if (!shape.list && !shape.object) shape.other = true
  return shape
}

/** @param passed  what has been looked at: alternatives that share parts would multiply */
function collect (root: unknown, schema: unknown, at: string, shape: TextShape, passed: Set<unknown>): void {
  if (!isObject(schema) || passed.has(schema)) return
  passed.add(schema)
  const types = new Set(schema.type === undefined ? [] : [schema.type].flat())
  if (types.has('array') || (types.size === 0 && (schema.items !== undefined || schema.prefixItems !== undefined))) {
    shape.list = true
    shape.items = scalarOf(root, schema.items)
  }
  if (types.has('object') || (types.size === 0 && (schema.properties !== undefined || schema.additionalProperties !== undefined))) shape.object = true
  if ([...types].some((type) => SCALARS.has(type) || type === 'null') || schema.enum !== undefined || 'const' in schema) shape.other = true
  if (isObject(schema.properties)) for (const name of Object.keys(schema.properties)) shape.properties.set(name, `${at}/properties/${pointerToken(name)}`)
  if (isObject(schema.additionalProperties) || isObject(schema.patternProperties) || isObject(schema.unevaluatedProperties)) shape.open = true
  if (typeof schema.$ref === 'string') collect(root, atPointer(root, pointerOf(schema.$ref)), pointerOf(schema.$ref), shape, passed)
  for (const keyword of COMPOSED) {
    const parts: unknown = schema[keyword]
    if (Array.isArray(parts)) for (let i = 0; i < parts.length; i++) collect(root, parts[i], `${at}/${keyword}/${i}`, shape, passed)
  }
}

/** The type when it is stated by the schema or by what it refers to, with no others put together with it. */
function scalarOf (root: unknown, schema: unknown): Scalar | null {
  let found: unknown = schema
  for (let depth = 0; depth < DEEPEST; depth++) {
    if (!isObject(found) || found.if || found.allOf || found.anyOf || found.oneOf) return null
    const type: unknown = Array.isArray(found.type) && found.type.length === 1 ? found.type[0] : found.type
    if (SCALARS.has(type)) return found.$ref === undefined ? type as Scalar : null
    if (type !== undefined || typeof found.$ref !== 'string') return null
    found = atPointer(root, pointerOf(found.$ref))
  }
  return null
}

/** A number as every upstream reads it: no hexadecimal, no `Infinity`, no space, no plus sign. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The value that a text stands for; the text itself when it stands for none of that type. */
export function scalarValue (text: string, type: Scalar): string | number | boolean {
  if (type === 'string') return text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (!DECIMAL.test(text)) return text
  const value = Number(text)
  return Number.isFinite(value) ? value : text
}
