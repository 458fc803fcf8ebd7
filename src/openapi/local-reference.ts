import { atPointer, isObject, type SchemaObject } from '../schema/json-schema.ts'

/** An object of a document and where it stands. */
export interface Located {
  readonly object: SchemaObject
  /** JSON pointer in the document. */
  readonly pointer: string
}

/** The JSON pointer of a `#/...` reference (RFC 6901, section 6); undefined when it is none. */
export function referencePointer(reference: unknown): string | undefined {
  if (typeof reference !== 'string' || !(reference === '#' || reference.startsWith('#/'))) return undefined
  const pointer = reference.slice(1)
  if (!pointer.includes('%')) return pointer
  try {
    return decodeURIComponent(pointer)
  } catch {
    return pointer
  }
}

/** A JSON pointer as a reference. Characters that a URI cannot have are escaped, as validators expect. */
export const pointerReference = (pointer: string): string =>
  /^[\w/.~$-]*$/.test(pointer)
    ? `#${pointer}`
    : `#${pointer.split('/').map(encodeURIComponent).join('/').replaceAll('%24', '$')}`

/** Longest chain of references that is followed. */
const MAX_CHAIN = 50

/**
 * What a value of a document is once its references are followed.
 * @returns undefined when it is no object, or its references lead nowhere or back to themselves
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
