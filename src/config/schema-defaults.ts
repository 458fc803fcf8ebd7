import type { TSchema } from 'typebox'
import { branches, schemaNode, type SchemaNode } from './schema-wording.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The branch of a union whose parts the value has: the object branch that knows most of its keys, or the list. */
function branchOf(schema: SchemaNode, value: unknown): SchemaNode | undefined {
  if (!schema.anyOf) return schema
  const all = branches(schema)
  if (Array.isArray(value)) return all.find((branch) => branch.type === 'array')
  if (!isObject(value)) return undefined
  const known = (branch: SchemaNode): number =>
    Object.keys(value).filter((key) => Object.hasOwn(branch.properties ?? {}, key)).length
  return all.filter((branch) => branch.type === 'object').sort((a, b) => known(b) - known(a))[0]
}

function fill(schema: SchemaNode, value: unknown): unknown {
  const present = value === undefined ? structuredClone(schema.default) : value
  const shape = branchOf(schema, present)
  if (shape?.properties && isObject(present)) {
    // the spread keeps what the schema does not know, so that the check can name it
    const filled = { ...present }
    for (const [key, part] of Object.entries(shape.properties)) {
      const inner = fill(part, Object.hasOwn(present, key) ? present[key] : undefined)
      if (inner !== undefined) filled[key] = inner
    }
    return filled
  }
  if (shape?.items && Array.isArray(present)) return present.map((item) => fill(shape.items!, item))
  return present
}

/**
 * A copy of `value` with the defaults of the schema filled in, also inside nested objects, lists and unions. What is
 * of the wrong type stays as it is, for the check to find; `value` itself is never changed.
 */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  return fill(schemaNode(schema), value)
}
