import { atPointer, pointerOf } from '../../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../../schema/json-schema.ts'

/** Bounds of one search, since clients choose how deep and wide a value is. */
const DEPTH = 16
const ITEMS = 20
const MOST = 50

/** Finds the fields of a value that its schema does not declare. */
export class FieldSearch {
  readonly #root: SchemaObject
  readonly #found = new Map<string, unknown>()

  constructor(root: SchemaObject) {
    this.#root = root
  }

  /**
   * @param pointer  JSON pointer of the schema in the document
   * @returns undeclared fields by their paths: `/items/*\/name`, where `*` is any item of a list
   */
  in(pointer: string, value: unknown): ReadonlyMap<string, unknown> {
    this.#found.clear()
    this.#look([atPointer(this.#root, pointer)], value, '', 0)
    return this.#found
  }

  /** Whether values of the schema there may be objects. */
  isObjectAt(pointer: string): boolean {
    return this.#parts([atPointer(this.#root, pointer)]).some(
      ({ type, properties }) => properties !== undefined || [type].flat().includes('object'),
    )
  }

  #look(schemas: readonly unknown[], value: unknown, path: string, depth: number): void {
    if (depth > DEPTH || this.#found.size >= MOST || typeof value !== 'object' || value === null) return
    const parts = this.#parts(schemas)
    // the schema does not describe the inside of the value
    if (parts.length === 0) return
    if (Array.isArray(value)) {
      const items = parts.flatMap(({ items }) => (items === undefined ? [] : [items]))
      if (items.length > 0) for (const item of value.slice(0, ITEMS)) this.#look(items, item, `${path}/*`, depth + 1)
      return
    }
    const isOpen = parts.some(
      (part) =>
        isObject(part.additionalProperties) ||
        part.additionalProperties === true ||
        part.patternProperties !== undefined,
    )
    const declares = parts.some((part) => isObject(part.properties))
    for (const [name, inner] of Object.entries(value)) {
      const own = parts.flatMap(({ properties }) =>
        isObject(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [],
      )
      const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('*', '~2')}`
      if (own.length > 0) this.#look(own, inner, at, depth + 1)
      else if (isOpen) {
        this.#look(
          parts.flatMap(({ additionalProperties }) => (isObject(additionalProperties) ? [additionalProperties] : [])),
          inner,
          `${path}/*`,
          depth + 1,
        )
      } else if (declares && this.#found.size < MOST) this.#found.set(at, inner)
    }
  }

  /** The schemas that may apply to a value, with references and compositions resolved. */
  #parts(schemas: readonly unknown[]): SchemaObject[] {
    const parts = new Set<SchemaObject>()
    const queue = [...schemas]
    for (let next = queue.pop(); next !== undefined || queue.length > 0; next = queue.pop()) {
      if (!isObject(next) || parts.has(next)) continue
      parts.add(next)
      if (typeof next.$ref === 'string' && next.$ref.startsWith('#')) {
        queue.push(atPointer(this.#root, pointerOf(next.$ref)))
      }
      for (const keyword of ['allOf', 'anyOf', 'oneOf']) if (Array.isArray(next[keyword])) queue.push(...next[keyword])
      for (const keyword of ['if', 'then', 'else']) queue.push(next[keyword])
    }
    return [...parts]
  }
}

/** Describes a value without showing it, since traffic may contain secrets. */
export function redacted(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `list of ${value.length}`
  switch (typeof value) {
    case 'string':
      return `text of ${value.length} character${value.length === 1 ? '' : 's'}`
    case 'number':
      return Number.isInteger(value) ? 'integer' : 'number'
    case 'object':
      return `object with ${Object.keys(value).length} field${Object.keys(value).length === 1 ? '' : 's'}`
    default:
      return typeof value
  }
}
