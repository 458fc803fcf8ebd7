import { atPointer, isObject, pointerToken, type SchemaObject } from '../schema/json-schema.ts'

const SCHEMAS = '/components/schemas/'

/**
 * A union with a Discriminator Object (OpenAPI 3.1, section 4.8.25) in which the named property decides the branch, so
 * that only what this branch says is held against a value; null when the schema has none, or its branches have no
 * names. Values that are no objects are left to the union.
 */
export function decidedByName(schema: SchemaObject, root: SchemaObject): SchemaObject | null {
  const { discriminator, ...rest } = schema
  const keyword = Array.isArray(schema.oneOf) ? 'oneOf' : 'anyOf'
  const union = schema[keyword]
  if (!isObject(discriminator) || typeof discriminator.propertyName !== 'string' || !Array.isArray(union)) return null
  const branches = new Map<string, { $ref: string }>()
  for (const branch of union) {
    if (typeof branch?.$ref === 'string') branches.set(branch.$ref, branch)
    else if (!isNoObject(branch)) return null
  }
  const byValue = namedBranches(branches, discriminator.mapping, root)
  if (byValue.size === 0) return null
  const { propertyName } = discriminator
  const decisions = [...byValue].map(([value, branch]) => ({
    if: { required: [propertyName], properties: { [propertyName]: { const: value } } },
    then: branch,
  }))
  delete rest[keyword]
  return {
    ...rest,
    allOf: [
      ...(Array.isArray(rest.allOf) ? rest.allOf : []),
      {
        if: { type: 'object' },
        then: {
          required: [propertyName],
          properties: { [propertyName]: { enum: [...byValue.keys()] } },
          allOf: decisions,
        },
        else: { [keyword]: union },
      },
    ],
  }
}

/** Null, lists and texts, which no property could tell apart. */
const isNoObject = (branch: unknown): boolean =>
  isObject(branch) && branch.type !== undefined && ![branch.type].flat().includes('object')

/** Branches by the values that stand for them: the names of their components, and those of the mapping. */
function namedBranches(
  branches: ReadonlyMap<string, { $ref: string }>,
  mapping: unknown,
  root: SchemaObject,
): Map<string, { $ref: string }> {
  const named = new Map<string, { $ref: string }>()
  for (const [reference, branch] of branches) {
    const pointer = reference.slice(1)
    const name = pointer.slice(SCHEMAS.length)
    if (pointer.startsWith(SCHEMAS) && !name.includes('/')) {
      named.set(name.replaceAll('~1', '/').replaceAll('~0', '~'), branch)
    }
  }
  if (!isObject(mapping)) return named
  for (const [value, target] of Object.entries(mapping)) {
    const byName = `#${SCHEMAS}${pointerToken(String(target))}`
    const branch =
      branches.get(String(target)) ??
      (atPointer(root, byName.slice(1)) === undefined ? undefined : branches.get(byName))
    if (branch) named.set(value, branch)
  }
  return named
}
