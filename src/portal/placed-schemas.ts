import { atPointer, encodePointer, pointerOf, pointerToken } from '../schema/json-pointer.ts'
import { isObject, walkSchema, type JsonSchema, type SchemaObject } from '../schema/json-schema.ts'
import { selfContained } from '../schema/self-contained-schema.ts'

const COMPONENTS = '/components/schemas/'

/**
 * Puts schemas into a document. OpenAPI 3.1 contains JSON Schema unchanged, but a reference within a schema is relative
 * to the document. So referenced definitions become components, and references are rewritten.
 */
export class PlacedSchemas {
  /** `components.schemas` of the document. */
  readonly components: Record<string, JsonSchema> = {}
  readonly #placed = new Map<string, JsonSchema>()
  readonly #names: ComponentNames

  constructor(names = new ComponentNames()) {
    this.#names = names
  }

  /**
   * @param name    name of the component, when one is needed
   * @param shared  schemas by `$id` that references may name
   * @returns the schema to put in its place
   */
  place(schema: unknown, name: string, shared?: Record<string, unknown>): JsonSchema {
    const own = selfContained(schema, shared).schema
    const references: SchemaObject[] = []
    walkSchema(own, (found) => {
      useNullType(found)
      if (typeof found.$ref === 'string') references.push(found)
    })
    if (references.length === 0 || !isObject(own)) return own
    const text = JSON.stringify(own)
    let placed = this.#placed.get(text)
    if (placed === undefined) this.#placed.set(text, (placed = this.#split(own, references, name)))
    return placed
  }

  /** Makes components of the definitions, and of the whole schema when it refers to itself. */
  #split(own: SchemaObject, references: readonly SchemaObject[], name: string): JsonSchema {
    const moved: [pointer: string, component: string][] = []
    for (const keyword of ['$defs', 'definitions']) {
      for (const [key, definition] of Object.entries<JsonSchema>(own[keyword] ?? {})) {
        const component = this.#names.take('schemas', `${name}.${key}`)
        this.components[component] = definition
        moved.push([encodePointer(`/${keyword}/${pointerToken(key)}`), component])
      }
      delete own[keyword]
    }
    let whole: string | undefined
    for (const found of references) {
      const pointer = found.$ref.slice(1)
      const target = moved.find(([start]) => pointer === start || pointer.startsWith(`${start}/`))
      if (target) found.$ref = `#${COMPONENTS}${target[1]}${pointer.slice(target[0].length)}`
      else found.$ref = `#${COMPONENTS}${(whole ??= this.#names.take('schemas', name))}${pointer}`
    }
    if (whole === undefined) return own
    this.components[whole] = own
    return { $ref: `#${COMPONENTS}${whole}` }
  }

  /** The properties of a placed object schema, with those of its parts; for parameters. */
  properties(schema: JsonSchema): Map<string, { schema: JsonSchema; required: boolean }> {
    const properties = new Map<string, { schema: JsonSchema; required: boolean }>()
    this.#collect(schema, true, properties, new Set())
    return properties
  }

  #collect(
    schema: JsonSchema | undefined,
    certain: boolean,
    properties: Map<string, { schema: JsonSchema; required: boolean }>,
    passed: Set<unknown>,
  ): void {
    if (!isObject(schema) || passed.has(schema)) return
    passed.add(schema)
    if (typeof schema.$ref === 'string') this.#collect(this.#at(schema.$ref), certain, properties, passed)
    for (const part of schema.allOf ?? []) this.#collect(part, certain, properties, passed)
    for (const part of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
      this.#collect(part, false, properties, passed)
    }
    for (const [name, property] of Object.entries<JsonSchema>(schema.properties ?? {})) {
      properties.set(name, { schema: property, required: properties.get(name)?.required ?? false })
    }
    if (certain) {
      for (const name of schema.required ?? []) {
        properties.set(name, { schema: properties.get(name)?.schema ?? {}, required: true })
      }
    }
  }

  #at(reference: string): JsonSchema | undefined {
    return atPointer({ components: { schemas: this.components } }, pointerOf(reference)) as JsonSchema | undefined
  }
}

/** Replaces `nullable` of OpenAPI 3.0, which validators accept, by a type with null. */
function useNullType(schema: SchemaObject): void {
  if (!('nullable' in schema)) return
  if (schema.nullable === true) schema.type = [...new Set([schema.type, 'null'].flat())]
  delete schema.nullable
}

/** Gives out unique names: a repeated name gets a number, by order only. */
export class UniqueNames {
  readonly #taken = new Set<string>()
  /** The last number by name, so that many requests for one name stay fast. */
  readonly #last = new Map<string, number>()

  has(name: string): boolean {
    return this.#taken.has(name)
  }

  /** @returns the name, with a number behind it when it is taken */
  take(name: string): string {
    let free = name
    let number = this.#last.get(name) ?? 1
    while (this.#taken.has(free)) free = `${name}-${++number}`
    if (free !== name) this.#last.set(name, number)
    this.#taken.add(free)
    return free
  }
}

/** Names of the components of a document, by section. */
export class ComponentNames {
  readonly #sections = new Map<string, UniqueNames>()

  /** A free name of the characters that components may have (OpenAPI 3.1, section 4.8.7.1). */
  take(section: string, wanted: string): string {
    let names = this.#sections.get(section)
    if (!names) this.#sections.set(section, (names = new UniqueNames()))
    return names.take(wanted.replace(/[^\w.-]+/g, '-') || '-')
  }
}
