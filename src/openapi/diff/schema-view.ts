import { pointerToken } from '../../schema/json-pointer.ts'
import { isObject, type JsonSchema, type SchemaObject } from '../../schema/json-schema.ts'
import { type LocatedSchema, referencedSchema } from '../../schema/local-reference.ts'
import { COMBINED, OPAQUE } from './schema-rules.ts'

/** Schemas that a value must match together. An empty list allows any value. */
export type SchemaNode = readonly LocatedSchema[]

/**
 * One way in which a value may match a node: one type and one alternative, with all parts of `allOf` and all references
 * merged.
 */
export interface SchemaView {
  /** Null for any. */
  type: string | null
  /** Name of the alternative for messages: the name of its schema, or its pointer. */
  name: string
  pointer: string
  /** Keywords that restrict values, and those that cannot be compared (as lists of their values in the parts). */
  keywords: SchemaObject
  properties: ReadonlyMap<string, SchemaNode>
  patterns: ReadonlyMap<string, SchemaNode>
  required: ReadonlySet<string>
  /** Schemas of further properties; null when none is stated. */
  additional: SchemaNode | null
  /** Whether further properties are forbidden. */
  closed: boolean
  prefix: readonly SchemaNode[]
  /** Null when none is stated. */
  items: SchemaNode | null
}

/** Most views of one schema; with more it cannot be compared. */
const MOST_VIEWS = 1000
const MOST_DEPTH = 100

/** Thrown for schemas that cannot be compared within bounds. */
export class TooComplex extends Error {
  constructor(pointer: string) {
    super(`#${pointer} is too complex to compare: it has too many alternatives, or is nested too deeply`)
  }
}

/** All ways in which a value may match a node. @throws TooComplex */
export function schemaViews(root: SchemaObject, node: SchemaNode): SchemaView[] {
  let ways: LocatedSchema[][] = [[]]
  for (const part of node) ways = product(ways, expand(root, part, []), part.pointer)
  return ways.flatMap((parts) => typedViews(parts, node))
}

/**
 * The alternatives of a schema: each is a list of schemas to which no reference, `allOf`, `oneOf` or `anyOf` adds more.
 * @param within  the schemas that are being expanded
 */
function expand(root: SchemaObject, part: LocatedSchema, within: readonly JsonSchema[]): LocatedSchema[][] {
  const { schema, pointer } = part
  if (typeof schema === 'boolean') return schema ? [[]] : []
  // a schema that contains itself as a part adds nothing
  if (within.includes(schema)) return [[]]
  if (within.length > MOST_DEPTH) throw new TooComplex(pointer)
  const inner = [...within, schema]
  const below = (keyword: string): LocatedSchema[] =>
    Array.isArray(schema[keyword])
      ? schema[keyword].map((one: JsonSchema, i: number) => ({ schema: one, pointer: `${pointer}/${keyword}/${i}` }))
      : []
  let ways: LocatedSchema[][] = [[part]]
  const target = referencedSchema(root, schema.$ref)
  if (target !== undefined) ways = product(ways, expand(root, target, inner), pointer)
  for (const one of below('allOf')) ways = product(ways, expand(root, one, inner), pointer)
  for (const keyword of ['oneOf', 'anyOf']) {
    const alternatives = below(keyword)
    if (alternatives.length > 0) {
      ways = product(
        ways,
        alternatives.flatMap((one) => expand(root, one, inner)),
        pointer,
      )
    }
  }
  return ways
}

function product(left: LocatedSchema[][], right: LocatedSchema[][], pointer: string): LocatedSchema[][] {
  if (left.length * right.length > MOST_VIEWS) throw new TooComplex(pointer)
  return left.flatMap((one) =>
    right.map((other) => [...one, ...other.filter(({ schema }) => !one.some((known) => known.schema === schema))]),
  )
}

/** One view for each type that the parts allow together. */
function typedViews(located: readonly LocatedSchema[], node: SchemaNode): SchemaView[] {
  const parts = located as readonly { schema: SchemaObject; pointer: string }[]
  let types: string[] | null = null
  for (const { schema } of parts) {
    const own = schema.type === undefined ? null : ([schema.type].flat() as string[])
    if (own !== null) types = types === null ? own : meet(types, own)
  }
  types ??= inferred(parts.map(({ schema }) => schema))
  const keywords = combined(parts.map(({ schema }) => schema))
  const last = parts.at(-1) ?? node[0] ?? { schema: {}, pointer: '' }
  const shape = {
    pointer: last.pointer,
    name:
      /^\/(?:components\/schemas|\$defs|definitions)\/([^/]+)$/.exec(last.pointer)?.[1] ??
      String((last.schema as SchemaObject).title ?? `#${last.pointer}`),
    properties: named(parts, 'properties'),
    patterns: named(parts, 'patternProperties'),
    required: new Set(
      parts.flatMap(({ schema }) => (Array.isArray(schema.required) ? (schema.required as string[]) : [])),
    ),
    additional: single(parts, 'additionalProperties'),
    closed: parts.some(({ schema }) => schema.additionalProperties === false || schema.unevaluatedProperties === false),
    prefix: prefixNodes(parts),
    items: single(parts, 'items'),
  }
  return (types ?? [null]).flatMap((type): SchemaView[] => {
    const { enum: allowed } = keywords as { enum?: unknown[] }
    if (allowed === undefined || type === null) return [{ ...shape, type, keywords }]
    const own = allowed.filter((value) => isOfType(value, type))
    return own.length === 0 ? [] : [{ ...shape, type, keywords: { ...keywords, enum: own } }]
  })
}

/** Types that both lists allow; an integer is a number. */
function meet(one: readonly string[], other: readonly string[]): string[] {
  const narrower = (type: string): boolean => other.includes(type) || (type === 'integer' && other.includes('number'))
  return [
    ...new Set([...one.filter(narrower), ...other.filter((type) => type === 'integer' && one.includes('number'))]),
  ]
}

/** The types that schemas without `type` imply by their other keywords. */
function inferred(schemas: readonly SchemaObject[]): string[] | null {
  const has = (...names: string[]): boolean =>
    schemas.some((schema) => names.some((name) => schema[name] !== undefined))
  const values = schemas.flatMap((schema) =>
    schema.const !== undefined ? [schema.const] : Array.isArray(schema.enum) ? (schema.enum as unknown[]) : [],
  )
  if (values.length > 0) return [...new Set(values.map(typeOf))]
  if (has('properties', 'required', 'additionalProperties', 'patternProperties')) return ['object']
  if (has('items', 'prefixItems', 'minItems', 'maxItems')) return ['array']
  if (has('minLength', 'maxLength', 'pattern')) return ['string']
  return null
}

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value
const isOfType = (value: unknown, type: string): boolean =>
  typeOf(value) === type || (type === 'number' && typeof value === 'number')

function combined(schemas: readonly SchemaObject[]): SchemaObject {
  const keywords: SchemaObject = {}
  for (const schema of schemas) {
    const own = schema.const === undefined ? schema : { ...schema, enum: [schema.const] }
    for (const [keyword, combine] of Object.entries(COMBINED)) {
      if (own[keyword] !== undefined) {
        keywords[keyword] = keywords[keyword] === undefined ? own[keyword] : combine(keywords[keyword], own[keyword])
      }
    }
    for (const keyword of OPAQUE) {
      if (own[keyword] !== undefined) {
        keywords[keyword] = [...(keywords[keyword] ?? []), JSON.stringify(own[keyword])].sort()
      }
    }
  }
  return keywords
}

function named(parts: readonly { schema: SchemaObject; pointer: string }[], keyword: string): Map<string, SchemaNode> {
  const nodes = new Map<string, LocatedSchema[]>()
  for (const { schema, pointer } of parts) {
    if (!isObject(schema[keyword])) continue
    for (const [name, own] of Object.entries(schema[keyword] as Record<string, JsonSchema>)) {
      const known = nodes.get(name) ?? []
      known.push({ schema: own, pointer: `${pointer}/${keyword}/${pointerToken(name)}` })
      nodes.set(name, known)
    }
  }
  return nodes
}

function single(parts: readonly { schema: SchemaObject; pointer: string }[], keyword: string): SchemaNode | null {
  const stated = parts.filter(({ schema }) => isObject(schema[keyword]))
  return stated.length === 0
    ? null
    : stated.map(({ schema, pointer }) => ({ schema: schema[keyword], pointer: `${pointer}/${keyword}` }))
}

function prefixNodes(parts: readonly { schema: SchemaObject; pointer: string }[]): SchemaNode[] {
  const nodes: LocatedSchema[][] = []
  for (const { schema, pointer } of parts) {
    if (Array.isArray(schema.prefixItems)) {
      schema.prefixItems.forEach((own: JsonSchema, i: number) =>
        (nodes[i] ??= []).push({ schema: own, pointer: `${pointer}/prefixItems/${i}` }),
      )
    }
  }
  return nodes
}
