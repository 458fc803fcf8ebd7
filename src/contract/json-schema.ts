/** A JSON Schema (draft 2020-12) as plain JSON: an object, or `true` and `false`. */
export type JsonSchema = boolean | SchemaObject
export type SchemaObject = { [keyword: string]: any }

/** Keywords whose value is one schema. */
const ONE = ['items', 'additionalItems', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then', 'else', 'unevaluatedItems', 'unevaluatedProperties', 'contentSchema']
/** Keywords whose value is a list of schemas; `items` is one in draft-07. */
const LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items']
/** Keywords whose value is a map from names to schemas; names are never keywords. */
const MAP = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']

export const isObject = (value: unknown): value is SchemaObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** One token of a JSON pointer (RFC 6901). */
export const pointerToken = (name: string | number): string => String(name).replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * Visits a schema and every schema in it, parents first, in the order of their writing. Data (`enum`, `default`,
 * `examples`) and names of properties are never taken for schemas.
 * @param visit  gets a schema and its JSON pointer from the root
 */
export function walkSchema (schema: unknown, visit: (schema: SchemaObject, pointer: string) => void, pointer = ''): void {
  if (!isObject(schema)) return
  visit(schema, pointer)
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword]
    const at = `${pointer}/${pointerToken(keyword)}`
    if (Array.isArray(value)) {
      if (LIST.includes(keyword)) value.forEach((item, i) => walkSchema(item, visit, `${at}/${i}`))
    } else if (ONE.includes(keyword)) {
      walkSchema(value, visit, at)
    } else if (MAP.includes(keyword) && isObject(value)) {
      for (const name of Object.keys(value)) walkSchema(value[name], visit, `${at}/${pointerToken(name)}`)
    }
  }
}

/** What a JSON pointer points at within a value; undefined when there is nothing. */
export function atPointer (value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) return undefined
  let found = value
  for (const token of pointer.slice(1).split('/')) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}
