import type { FuncKeywordDefinition } from 'ajv'

/**
 * `uniqueItems` in linear time. Ajv compares every pair of objects: 20,000 small objects, well below any body limit,
 * would block the gateway for half a minute.
 */
export const UNIQUE_ITEMS: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  errors: false,
  validate: (unique: boolean, items: unknown[]) => !unique || haveNoEqual(items),
}

function haveNoEqual(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>()
  for (const item of items) {
    // a string must not equal the canonical text of an object
    const key =
      typeof item === 'object' && item !== null ? canonicalText(item) : typeof item === 'string' ? `"${item}` : item
    if (seen.has(key)) return false
    seen.add(key)
  }
  return true
}

/** JSON with the members of objects in one order, so that equal values have equal texts. */
function canonicalText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText((value as Record<string, unknown>)[name])}`)
  return `{${members.join(',')}}`
}
