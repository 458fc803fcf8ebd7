import { atPointer, encodePointer, referencePointer } from './json-pointer.ts'
import { isObject, type JsonSchema, type SchemaObject } from './json-schema.ts'

/** An object of a document and where it stands. */
export interface Located {
  readonly object: SchemaObject
  /** JSON pointer in the document. */
  readonly pointer: string
}

/** Longest chain of references that is followed. */
const MAX_CHAIN = 50

/**
 * Follows the references of a value to the object that they lead to.
 * @returns undefined when the value is no object, or its references lead nowhere or in a circle
 */
export function followReference(root: SchemaObject, value: unknown, pointer: string): Located | undefined {
  for (let step = 0; step < MAX_CHAIN; step++) {
    if (!isObject(value)) return undefined
    if (value.$ref === undefined) return { object: value, pointer }
    const target = referencePointer(value.$ref)
    if (target === undefined) return undefined
    value = atPointer(root, target)
    pointer = target
  }
  return undefined
}

/** A JSON pointer as a reference; characters that a URI cannot have are escaped. */
export const pointerReference = (pointer: string): string => `#${encodePointer(pointer)}`

/** A schema and where it stands in its document. */
export interface LocatedSchema {
  schema: JsonSchema
  /** JSON pointer. */
  pointer: string
}

/** The schema that a `$ref` names; undefined when it names none. Its own references are not followed. */
export function referencedSchema(root: SchemaObject, reference: unknown): LocatedSchema | undefined {
  const pointer = referencePointer(reference)
  const schema = pointer === undefined ? undefined : atPointer(root, pointer)
  return isObject(schema) || typeof schema === 'boolean' ? { schema, pointer: pointer! } : undefined
}
