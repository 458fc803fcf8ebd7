import { isObject, type SchemaObject, unionsWith, withoutUnions } from '../../schema/json-schema.ts'
import { numberExample, patternExample } from './value-example.ts'
import { referencedSchema } from '../../schema/local-reference.ts'

/** Most schemas of one sample, most characters of its examples together, and its greatest depth. */
const MOST_SCHEMAS = 2000
const MOST_TEXT = 1024 * 1024
const MOST_DEPTH = 12
/** Most items of a list, and most characters of a text, in a sample. */
const MOST_ITEMS = 20
const MOST_LENGTH = 1000

/** Keywords that are copied as they are; those with subschemas are handled one by one. */
const PLAIN = [
  'type',
  'format',
  'const',
  'enum',
  'default',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'maxItems',
  'maxProperties',
  'required',
  'readOnly',
  'writeOnly',
  'xml',
  'title',
]

/**
 * Simplifies schemas so that a sample can be generated from them: references, `allOf` and alternatives are resolved,
 * and recursive or too large parts are left out where they are optional.
 */
export class SampleSchema {
  readonly #root: SchemaObject
  readonly #sizes = new Map<unknown, number>()
  #schemas = 0
  #text = 0

  constructor(root: SchemaObject) {
    this.#root = root
  }

  /** @param within  schemas around it, the outermost first. @returns undefined when no bounded sample exists */
  of(schema: unknown, within: readonly unknown[] = []): SchemaObject | undefined {
    if (schema === true) return {}
    if (
      !isObject(schema) ||
      within.includes(schema) ||
      within.length > MOST_DEPTH * 3 ||
      ++this.#schemas > MOST_SCHEMAS
    ) {
      return undefined
    }
    const example = schema.example ?? (Array.isArray(schema.examples) ? schema.examples[0] : undefined)
    if (example !== undefined && this.#affords(example)) {
      return { ...pick(schema, ['type', 'readOnly', 'writeOnly', 'xml']), example }
    }
    const inner = [...within, schema]
    const parts = [this.#own(schema, inner)]
    if (schema.$ref !== undefined) {
      const target = referencedSchema(this.#root, schema.$ref)
      const copy = this.of(target?.schema, inner)
      if (copy === undefined) return undefined
      // an XML element is named after its schema
      parts.unshift(
        copy.xml?.name === undefined && target !== undefined
          ? { ...copy, xml: { name: target.pointer.split('/').at(-1), ...copy.xml } }
          : copy,
      )
    }
    for (const part of Array.isArray(schema.allOf) ? (schema.allOf as unknown[]) : []) {
      const copy = this.of(this.#chosen(part, schema), inner)
      if (copy === undefined) return undefined
      parts.unshift(copy)
    }
    for (const keyword of ['oneOf', 'anyOf']) {
      if (!Array.isArray(schema[keyword]) || schema[keyword].length === 0) continue
      const alternatives = (schema[keyword] as unknown[]).toSorted(
        (one, other) => Number(isNull(one)) - Number(isNull(other)),
      )
      let copy: SchemaObject | undefined
      for (const alternative of alternatives) if ((copy = this.of(alternative, inner)) !== undefined) break
      if (copy === undefined) return undefined
      parts.unshift(copy)
    }
    return parts.length === 1 ? parts[0] : parts.reduce(merge)
  }

  /** A part of an `allOf`, without a union of which the surrounding schema is itself a branch. */
  #chosen(part: unknown, subtype: SchemaObject): unknown {
    const target = isObject(part) ? referencedSchema(this.#root, part.$ref)?.schema : undefined
    const unions = unionsWith(this.#root, target, subtype)
    return unions.length > 0 ? withoutUnions(target as SchemaObject, unions) : part
  }

  #own(schema: SchemaObject, inner: readonly unknown[]): SchemaObject {
    const copy = pick(schema, PLAIN)
    for (const keyword of ['const', 'default'] as const) {
      if (copy[keyword] !== undefined && !this.#affords(copy[keyword])) delete copy[keyword]
    }
    if (Array.isArray(copy.enum)) copy.enum = copy.enum.slice(0, 1).filter((value) => this.#affords(value))
    if (Array.isArray(schema.type)) copy.type = schema.type.find((type) => type !== 'null') ?? 'null'
    // a format determines the length
    if (schema.format === undefined) {
      Object.assign(
        copy,
        schema.minLength > 0 && { minLength: Math.min(schema.minLength, MOST_LENGTH) },
        schema.maxLength !== undefined && { maxLength: schema.maxLength },
      )
    }
    const example =
      copy.const ??
      copy.enum?.[0] ??
      copy.default ??
      (copy.type === 'integer' || copy.type === 'number'
        ? numberExample(schema)
        : typeof schema.pattern === 'string' && schema.format === undefined
          ? patternExample(schema)
          : undefined)
    if (example !== undefined) copy.example = example
    if (inner.length > MOST_DEPTH) return copy
    const required = new Set(Array.isArray(schema.required) ? (schema.required as unknown[]) : [])
    if (isObject(schema.properties)) {
      copy.properties = Object.fromEntries(
        Object.entries(schema.properties)
          .filter(([name]) => name !== '__proto__')
          .map(([name, property]) => [name, this.of(property, inner) ?? (required.has(name) ? {} : undefined)])
          .filter(([, property]) => property !== undefined),
      )
    }
    const additional = isObject(schema.additionalProperties) ? this.of(schema.additionalProperties, inner) : undefined
    if (additional !== undefined) copy.additionalProperties = additional
    const items = schema.items === undefined ? undefined : this.of(schema.items, inner)
    if (items !== undefined) copy.items = items
    if (Array.isArray(schema.prefixItems)) {
      copy.prefixItems = schema.prefixItems.slice(0, MOST_ITEMS).map((item) => this.of(item, inner) ?? {})
    }
    if (schema.minItems > 0) copy.minItems = Math.min(schema.minItems, MOST_ITEMS)
    // nested lists multiply
    if (copy.minItems > 1) this.#schemas += copy.minItems * 10
    return copy
  }

  /** Whether an example fits into the remaining characters; if so, counts it. */
  #affords(example: unknown): boolean {
    let size = this.#sizes.get(example)
    if (size === undefined) this.#sizes.set(example, (size = JSON.stringify(example)?.length ?? 0))
    if (this.#text + size > MOST_TEXT) return false
    this.#text += size
    return true
  }
}

const isNull = (schema: unknown): boolean => isObject(schema) && schema.type === 'null'

const pick = (schema: SchemaObject, keywords: readonly string[]): SchemaObject =>
  Object.fromEntries(
    keywords.filter((keyword) => schema[keyword] !== undefined).map((keyword) => [keyword, schema[keyword]]),
  )

/** Merges two copies; the later one wins. */
function merge(one: SchemaObject, other: SchemaObject): SchemaObject {
  const merged = { ...one, ...other }
  if (isObject(one.example) && isObject(other.example)) merged.example = { ...one.example, ...other.example }
  else if (isObject(one.example) && other.properties !== undefined) {
    delete merged.example
    merged.properties = {
      ...Object.fromEntries(Object.entries(one.example).map(([name, example]) => [name, { example }])),
      ...other.properties,
    }
  }
  if (one.properties !== undefined && other.properties !== undefined) {
    merged.properties = { ...one.properties }
    for (const [name, property] of Object.entries(other.properties as Record<string, SchemaObject>)) {
      merged.properties[name] = Object.hasOwn(one.properties, name) ? merge(one.properties[name], property) : property
    }
  }
  if (one.required !== undefined && other.required !== undefined) {
    merged.required = [...new Set([...one.required, ...other.required])]
  }
  return merged
}
