import { atPointer, isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { Grammar } from './document-grammar.ts'
import { walkDocument, wholeDocument } from './document-walk.ts'
import { referencePointer } from './local-reference.ts'

/** Keywords with which a schema allows less when one within it allows more. */
const REVERSED = ['not', 'if', 'then', 'else', 'unevaluatedProperties', 'unevaluatedItems', 'maxContains'] as const

/**
 * Sees to it that a document refuses nothing more since some of its schemas allow everything: where they lie within a
 * `oneOf`, more than one branch may fit now, and what they lie below a `not` or an `if` would be refused. Changes the
 * document.
 * @param loosened  the schemas that allow everything
 */
export function keepLoose(root: SchemaObject, grammar: Grammar, loosened: readonly SchemaObject[]): void {
  /** By a schema: those that hold it or refer to it. */
  const users = new Map<unknown, SchemaObject[]>()
  const use = (used: unknown, user: SchemaObject): void => {
    const list = users.get(used)
    if (list) list.push(user)
    else users.set(used, [user])
  }
  const pointers = new Map<string, SchemaObject>()
  walkDocument(grammar, wholeDocument(root), {
    part: ({ kind, value, pointer }) => {
      if (kind !== 'Schema') return
      pointers.set(pointer, value)
      for (let up = pointer.lastIndexOf('/'); up > 0; up = pointer.lastIndexOf('/', up - 1)) {
        const holder = pointers.get(pointer.slice(0, up))
        if (holder === undefined) continue
        use(value, holder)
        break
      }
      const target = referencePointer(value.$ref)
      if (target !== undefined) use(atPointer(root, target), value)
    },
  })
  const affected = new Set<SchemaObject>(loosened)
  // grows while it is walked
  for (const schema of affected) for (const user of users.get(schema) ?? []) affected.add(user)
  for (const schema of affected) {
    for (const keyword of REVERSED) delete schema[keyword]
    if (
      !Array.isArray(schema.oneOf) ||
      !schema.oneOf.some((branch: unknown) => isObject(branch) && affected.has(branch))
    ) {
      continue
    }
    const { oneOf } = schema
    delete schema.oneOf
    if (schema.anyOf === undefined) schema.anyOf = oneOf
    else schema.allOf = [...(schema.allOf ?? []), { anyOf: oneOf }]
  }
}
