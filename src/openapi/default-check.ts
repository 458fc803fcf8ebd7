import { isDeepStrictEqual } from 'node:util'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'

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
 * What is wrong with the default of a schema, as far as its own type, enum and bounds say; undefined when nothing is.
 * Defaults are for people and never put into requests, so this is no more than a hint.
 */
export function defaultMistake({
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
