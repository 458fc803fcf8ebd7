import { atPointer, pointerOf } from './json-pointer.ts'
import { isObject, type SchemaObject } from './json-schema.ts'

/** A number as every upstream reads it: no hexadecimal, no `Infinity`, no space, no plus sign. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Whether a text is a number that every upstream reads as the same one. */
export const isDecimal = (text: string): boolean => DECIMAL.test(text) && Number.isFinite(Number(text))

/** Types of JSON values; null when a schema allows any. */
export type ValueTypes = ReadonlySet<string> | null

/** Most schemas that are visited for one result. */
const MOST = 1000
const NUMBERS = new Set(['integer', 'number'])
const OF_NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']

/**
 * The types that values of a schema may have, by its `type`, its references and compositions. Parts of `allOf` restrict
 * each other; `anyOf` and `oneOf` allow the types of all branches. Bounds for numbers imply a number.
 */
export function valueTypes(root: unknown, schema: unknown): ValueTypes {
  const known = new Map<unknown, ValueTypes>()
  const typesOf = (part: unknown): ValueTypes => {
    // a circle adds nothing
    if (!isObject(part)) return null
    const before = known.get(part)
    if (before !== undefined || known.size >= MOST) return before ?? null
    known.set(part, null)
    let types = ownTypes(part)
    if (typeof part.$ref === 'string') types = both(types, typesOf(atPointer(root, pointerOf(part.$ref))))
    for (const arm of listOf(part.allOf)) types = both(types, typesOf(arm))
    for (const arms of [listOf(part.anyOf), listOf(part.oneOf)]) {
      if (arms.length > 0) types = both(types, arms.map(typesOf).reduce(either))
    }
    known.set(part, types)
    return types
  }
  return typesOf(schema)
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

function ownTypes(schema: SchemaObject): ValueTypes {
  if (schema.type !== undefined) return new Set([schema.type].flat())
  if (Array.isArray(schema.enum)) return new Set(schema.enum.map(typeOf))
  if ('const' in schema) return new Set([typeOf(schema.const)])
  return OF_NUMBERS.some((keyword) => keyword in schema) ? NUMBERS : null
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** The types that both allow; an integer is a number too. */
function both(one: ValueTypes, other: ValueTypes): ValueTypes {
  if (one === null || other === null) return one ?? other
  return new Set(
    [...one]
      .filter((type) => other.has(type) || (type === 'integer' && other.has('number')))
      .concat(one.has('number') && other.has('integer') ? 'integer' : []),
  )
}

const either = (one: ValueTypes, other: ValueTypes): ValueTypes =>
  one === null || other === null ? null : new Set([...one, ...other])
