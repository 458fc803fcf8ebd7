import { atPointer, pointerOf } from '../schema/json-pointer.ts'
import { closest } from '../schema/suggestion.ts'
import { isObject, type JsonSchema, type SchemaObject } from '../schema/json-schema.ts'

/** The names that a schema of path parameters declares. */
interface KnownNames {
  names: Set<string>
  /** Whether it explicitly accepts further names. */
  isOpen: boolean
  /** Whether it explicitly refuses further names. */
  isClosed: boolean
}

/**
 * Compares the path parameters of a URL with the names in its schema. A name that only the URL has is never checked;
 * one that only the schema requires makes every request a 400.
 * @param schema      self-contained
 * @param parameters  names in the URL; `*` is its wildcard
 * @param url         pattern of the route, for messages
 * @returns what is wrong, in words
 */
export function parameterNameMistakes(schema: JsonSchema, parameters: readonly string[], url: string): string[] {
  if (!isObject(schema)) return []
  const { names, isOpen, isClosed } = knownNames(schema)
  const has = parameters.length === 0 ? 'which has none' : `which has ${list(parameters)}`
  let unknown =
    isOpen || (names.size === 0 && !isClosed)
      ? []
      : parameters.filter((name) => !names.has(name) && (name !== '*' || isClosed))
  const mistakes: string[] = []
  for (const name of names) {
    if (parameters.includes(name)) continue
    const guess = closest(name, unknown) ?? (unknown.length === 1 && names.size === 1 ? unknown[0] : undefined)
    unknown = unknown.filter((other) => other !== guess)
    mistakes.push(
      `it has the parameter "${name}", which is not in "${url}" (${has})${guess === undefined ? '' : `, did you mean "${guess}"?`}`,
    )
  }
  return [
    ...mistakes,
    ...unknown.map(
      (name) =>
        `it does not have the parameter "${name}" of "${url}" (it has ${list([...names])}): add it to "properties"`,
    ),
  ]
}

const list = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ')

function knownNames(root: SchemaObject): KnownNames {
  const known: KnownNames = { names: new Set(), isOpen: false, isClosed: false }
  const visited = new Set<unknown>()
  const visit = (schema: unknown): void => {
    if (!isObject(schema) || visited.has(schema)) return
    visited.add(schema)
    for (const name of isObject(schema.properties) ? Object.keys(schema.properties) : []) known.names.add(name)
    for (const name of Array.isArray(schema.required) ? schema.required : []) known.names.add(name)
    for (const keyword of ['additionalProperties', 'unevaluatedProperties']) {
      if (schema[keyword] === false) known.isClosed = true
      else if (schema[keyword] !== undefined) known.isOpen = true
    }
    if (schema.patternProperties !== undefined || schema.propertyNames !== undefined) known.isOpen = true
    if (typeof schema.$ref === 'string') visit(atPointer(root, pointerOf(schema.$ref)))
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
      if (Array.isArray(schema[keyword])) schema[keyword].forEach(visit)
    }
    for (const keyword of ['if', 'then', 'else']) visit(schema[keyword])
    if (isObject(schema.dependentSchemas)) Object.values(schema.dependentSchemas).forEach(visit)
  }
  visit(root)
  return known
}
