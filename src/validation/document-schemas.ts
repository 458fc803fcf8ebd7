import { fullFormats } from 'ajv-formats/dist/formats.js'
import { atPointer, pointerOf, pointerToken, tokenName } from '../schema/json-pointer.ts'
import {
  HOLDS,
  VALUE_KEYWORDS,
  isObject,
  unionsWith,
  walkSchema,
  withoutUnions,
  type JsonSchema,
  type SchemaObject,
} from '../schema/json-schema.ts'

/** What a schema checks: requests, which omit `readOnly` properties, or responses, which omit `writeOnly` ones. */
export type Direction = 'request' | 'response'

/** A schema in the form for the compiler, with the ids of the schemas that it refers to. */
export interface ReadySchema {
  schema: JsonSchema
  references: ReadonlySet<string>
}

/** Keywords that hold schemas and check nothing themselves. */
const IGNORED = new Set(['$defs', 'definitions', 'dependencies', 'contentSchema'])
/** Keywords whose schemas apply to the same value as the schema around them. */
const IN_PLACE = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas'])
/** How deep references are followed to find a marked property. */
const DEEPEST = 8

interface Place {
  direction: Direction
  /** Names that must not be required, since the direction omits them. */
  unrequired: ReadonlySet<string>
  /** The schema that is being copied, while only `allOf` leads to the current part; else null. */
  subtype: unknown
  references: Set<string>
}

/**
 * Prepares the schemas of one document for the compiler, on first use. Each has an id and is shared by all operations
 * that refer to it. Requests and responses share the schemas without `readOnly` and `writeOnly`.
 */
export class DocumentSchemas {
  readonly root: SchemaObject
  readonly #ids = new Map<string, string>()
  readonly #makers = new Map<string, () => ReadySchema>()
  readonly #ready = new Map<string, ReadySchema>()
  readonly #near = new Map<string, { marked: boolean; references: string[] }>()
  readonly #marked = new Map<string, boolean>()

  constructor(root: SchemaObject) {
    this.root = root
  }

  /** A reference to the schema at a JSON pointer of the document; without a pointer, a schema that allows any value. */
  reference(pointer: string | null, direction: Direction): JsonSchema {
    return pointer === null ? true : { $ref: this.#idOf(pointer, direction, []) }
  }

  /** The schema with an id from a reference. */
  get(id: string): ReadySchema {
    let ready = this.#ready.get(id)
    if (!ready) this.#ready.set(id, (ready = this.#makers.get(id)!()))
    return ready
  }

  /** @param without  keywords of unions that are left out */
  #idOf(pointer: string, direction: Direction, without: readonly string[]): string {
    const key = `${without.join()}${this.#isMarked(pointer) ? direction : ''}#${pointer}`
    let id = this.#ids.get(key)
    if (id === undefined) {
      this.#ids.set(key, (id = `s${this.#ids.size}`))
      this.#makers.set(id, () => this.#make(pointer, direction, without))
    }
    return id
  }

  #make(pointer: string, direction: Direction, without: readonly string[]): ReadySchema {
    const schema = atPointer(this.root, pointer)
    const references = new Set<string>()
    const own = without.length > 0 && isObject(schema) ? withoutUnions(schema, without) : schema
    return { schema: this.#copy(own, { direction, unrequired: new Set(), subtype: schema, references }), references }
  }

  #copy(schema: unknown, place: Place): JsonSchema {
    if (!isObject(schema)) return typeof schema === 'boolean' ? schema : true
    const unrequired = this.#unrequired(schema, place)
    const inPlace = { ...place, unrequired }
    const below = { ...place, unrequired: new Set<string>(), subtype: null }
    const selected = selectedByName(schema, this.root)
    const copy: SchemaObject = {}
    for (const [keyword, value] of Object.entries(selected ?? schema)) {
      if (VALUE_KEYWORDS.has(keyword)) copy[keyword] = value
      else if (HOLDS.has(keyword) && !IGNORED.has(keyword)) {
        copy[keyword] = this.#copyHeld(
          keyword,
          value,
          keyword === 'allOf' ? inPlace : IN_PLACE.has(keyword) ? { ...inPlace, subtype: null } : below,
        )
      }
    }
    if (typeof schema.format === 'string' && Object.hasOwn(fullFormats, schema.format)) copy.format = schema.format
    if (Array.isArray(copy.required)) copy.required = copy.required.filter((name) => !unrequired.has(name))
    if (place.direction === 'response' && isObject(schema.properties)) {
      for (const name of this.#namesMarked(schema, 'writeOnly', false)) copy.properties[name] = false
    }
    if (typeof schema.$ref === 'string') this.#refer(copy, schema.$ref, place)
    return copy
  }

  #refer(copy: SchemaObject, reference: string, { direction, subtype, references }: Place): void {
    const pointer = pointerOf(reference)
    const id = this.#idOf(pointer, direction, unionsWith(this.root, atPointer(this.root, pointer), subtype))
    references.add(id)
    copy.$ref = id
  }

  #copyHeld(keyword: string, value: unknown, place: Place): unknown {
    if (Array.isArray(value)) return value.map((schema) => this.#copy(schema, place))
    if (HOLDS.get(keyword) !== 'map' || !isObject(value)) return this.#copy(value, place)
    const map = Object.create(null) as SchemaObject
    for (const name of Object.keys(value)) {
      map[name] = Array.isArray(value[name]) ? value[name] : this.#copy(value[name], place)
    }
    return map
  }

  /** Names that are required in the other direction only, added to those of the surrounding schema. */
  #unrequired(schema: SchemaObject, { direction, unrequired }: Place): ReadonlySet<string> {
    const names = this.#namesMarked(schema, direction === 'request' ? 'readOnly' : 'writeOnly', true)
    return names.length === 0 ? unrequired : new Set([...unrequired, ...names])
  }

  /** Names of marked properties, with `deep` also in the parts of `allOf` and references. */
  #namesMarked(
    schema: SchemaObject,
    mark: 'readOnly' | 'writeOnly',
    deep: boolean,
    seen = new Set<unknown>(),
    depth = 0,
  ): string[] {
    // repeated compositions of the same schemas would multiply
    if (seen.has(schema)) return []
    seen.add(schema)
    const names = isObject(schema.properties)
      ? Object.entries(schema.properties)
          .filter(([, property]) => this.#hasMark(property, mark))
          .map(([name]) => name)
      : []
    if (!deep || depth > DEEPEST) return names
    const parts = Array.isArray(schema.allOf) ? [...schema.allOf] : []
    if (typeof schema.$ref === 'string') parts.push(atPointer(this.root, pointerOf(schema.$ref)))
    for (const part of parts) if (isObject(part)) names.push(...this.#namesMarked(part, mark, true, seen, depth + 1))
    return names
  }

  #hasMark(schema: unknown, mark: 'readOnly' | 'writeOnly', seen = new Set<unknown>(), depth = 0): boolean {
    if (!isObject(schema) || depth > DEEPEST || seen.has(schema)) return false
    seen.add(schema)
    if (schema[mark] === true) return true
    if (
      typeof schema.$ref === 'string' &&
      this.#hasMark(atPointer(this.root, pointerOf(schema.$ref)), mark, seen, depth + 1)
    ) {
      return true
    }
    return Array.isArray(schema.allOf) && schema.allOf.some((part) => this.#hasMark(part, mark, seen, depth + 1))
  }

  /** Whether the schema, or one that it refers to, differs between the directions. */
  #isMarked(pointer: string): boolean {
    let marked = this.#marked.get(pointer)
    if (marked === undefined) {
      const seen = new Set([pointer])
      marked = this.#reachesMark(seen)
      this.#marked.set(pointer, marked)
      // all schemas reached from an unmarked one are unmarked too
      if (!marked) for (const reached of seen) this.#marked.set(reached, marked)
    }
    return marked
  }

  /** @param seen  pointers to start from; receives the pointers reached until a mark is found */
  #reachesMark(seen: Set<string>): boolean {
    for (const next of seen) {
      const { marked, references } = this.#nearOf(next)
      if (marked) return true
      for (const reference of references) seen.add(reference)
    }
    return false
  }

  #nearOf(pointer: string): { marked: boolean; references: string[] } {
    let near = this.#near.get(pointer)
    if (!near) {
      const found: { marked: boolean; references: string[] } = (near = { marked: false, references: [] })
      walkSchema(atPointer(this.root, pointer), (schema) => {
        if (schema.readOnly === true || schema.writeOnly === true) found.marked = true
        if (typeof schema.$ref === 'string') found.references.push(pointerOf(schema.$ref))
      })
      this.#near.set(pointer, near)
    }
    return near
  }
}

const SCHEMAS = '/components/schemas/'

/**
 * Rewrites a union with a Discriminator Object (OpenAPI 3.1, section 4.8.25) so that the named property selects the
 * branch, and a value is checked only against that branch. Null when there is no discriminator, or the branches have no
 * names. Values that are not objects are still checked against the union.
 */
function selectedByName(schema: SchemaObject, root: SchemaObject): SchemaObject | null {
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

/** Whether a branch allows no objects, so that a discriminator cannot select it. */
const isNoObject = (branch: unknown): boolean =>
  isObject(branch) && branch.type !== undefined && ![branch.type].flat().includes('object')

/** The branches by discriminator value: the names of tsubtype components, and the keys of the mapping. */
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
      named.set(tokenName(name), branch)
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
