import { pointerNames, pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { Grammar, Shape } from './document-grammar.ts'

/** A place in a document, with its value. */
export interface Place {
  readonly shape: Shape
  readonly value: unknown
  /** JSON pointer from where the walk began. */
  readonly pointer: string
  /** The object or list that contains it, so that it can be replaced; undefined at the root. */
  readonly holder?: Record<string | number, unknown>
  readonly key: string | number
}

/** A part whose kind the grammar knows. */
export interface Part extends Place {
  readonly kind: string
  readonly value: SchemaObject
}

export interface Visitor {
  /**
   * Called at each part, before its fields. Return false to skip its fields. A replaced part is walked in its new form.
   */
  part?(part: Part): boolean | void
  /** Called at each place for a map or a list of parts. Return false to skip it. */
  group?(place: Place): boolean | void
  /** Called at each place for plain data. */
  data?(place: Place): void
  /** Called where an object, a map or a list is expected and the value is something else. */
  misfit?(place: Place): void
  /**
   * Called at each field that the grammar does not know.
   * @param kind  of the part that has the field
   */
  unknown?(place: Place, kind: string): void
}

/** Thrown when a document is nested too deeply. */
export class TooDeep extends Error {}

/** How deep a bundled document may be nested. */
const MAX_DEPTH = 500

/** Walks a document by its grammar, so that data such as an example is never mistaken for a part. */
export function walkDocument(grammar: Grammar, top: Place, visitor: Visitor): void {
  new Walk(grammar, visitor).place(top, 0)
}

/** The place to walk a whole document from. */
export const wholeDocument = (root: unknown): Place => ({ shape: 'Document', value: root, pointer: '', key: '' })

/** The shape that the grammar has for a place; undefined when there is none, or no value. */
export function shapeAt(grammar: Grammar, root: unknown, pointer: string): Shape | undefined {
  let shape: Shape = 'Document'
  let value = root
  for (const key of pointerNames(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    const inner = shapeWithin(grammar, shape, value, key)
    if (inner === undefined) return undefined
    shape = inner
    value = (value as Record<string, unknown>)[key]
  }
  return shape
}

function shapeWithin(grammar: Grammar, shape: Shape, value: object, key: string): Shape | undefined {
  const group = groupOf(shape)
  if (group) return group[1] === '{x}' && key.startsWith('x-') ? undefined : group[0]
  if (!Object.hasOwn(grammar, shape)) return undefined
  if (shape === 'Schema' && Array.isArray(value)) return 'Schema'
  const { fields, rest } = grammar[shape]!
  const field = Object.hasOwn(fields, key) ? fields[key]! : key.startsWith('x-') ? undefined : rest
  return field?.replace(/^!/, '')
}

/** Parsed shapes of groups; null for other shapes. Cached, since many places share few shapes. */
const groups = new Map<Shape, readonly [kind: string, brackets: string] | null>()

function groupOf(shape: Shape): readonly [kind: string, brackets: string] | null {
  let group = groups.get(shape)
  if (group === undefined) {
    const [, kind, brackets] = /^(\w+)(\[\]|\{x?\})$/.exec(shape) ?? []
    groups.set(shape, (group = kind === undefined ? null : [kind, brackets!]))
  }
  return group
}

class Walk {
  readonly #grammar: Grammar
  readonly #visitor: Visitor

  constructor(grammar: Grammar, visitor: Visitor) {
    this.#grammar = grammar
    this.#visitor = visitor
  }

  place(place: Place, depth: number): void {
    if (depth > MAX_DEPTH) throw new TooDeep()
    const { shape } = place
    const group = groupOf(shape)
    if (group) this.#group(place, group[0], group[1], depth)
    else if (Object.hasOwn(this.#grammar, shape)) this.#part(place, depth)
    else this.#visitor.data?.(place)
  }

  #group(place: Place, kind: string, group: string, depth: number): void {
    if (this.#visitor.group?.(place) === false) return
    const { value, pointer } = place
    if (group === '[]' ? !Array.isArray(value) : !isObject(value)) return this.#visitor.misfit?.(place)
    const holder = value as Record<string | number, unknown>
    for (const key of Array.isArray(value) ? value.keys() : Object.keys(holder)) {
      if (group === '{x}' && String(key).startsWith('x-')) continue
      this.place(
        { shape: kind, value: holder[key], pointer: `${pointer}/${pointerToken(String(key))}`, holder, key },
        depth + 1,
      )
    }
  }

  #part(place: Place, depth: number): void {
    if (!isObject(place.value)) {
      // a schema may be `true` or `false`, and `items` of draft-07 may be a list
      if (place.shape === 'Schema' && typeof place.value === 'boolean') return
      if (place.shape === 'Schema' && place.key === 'items' && Array.isArray(place.value)) {
        return this.place({ ...place, shape: 'Schema[]' }, depth)
      }
      return this.#visitor.misfit?.(place)
    }
    const { shape: kind, value, pointer } = place
    if (this.#visitor.part?.({ ...place, kind, value }) === false) return
    const holder: unknown = place.holder ? place.holder[place.key] : value
    if (!isObject(holder)) return
    const { fields, rest } = this.#grammar[kind]!
    for (const key of Object.keys(holder)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : key.startsWith('x-') ? undefined : rest
      const inner = { value: holder[key], pointer: `${pointer}/${pointerToken(key)}`, holder, key }
      if (field !== undefined) {
        this.place({ ...inner, shape: field.startsWith('!') ? field.slice(1) : field }, depth + 1)
      } else if (!key.startsWith('x-')) this.#visitor.unknown?.({ ...inner, shape: 'any' }, kind)
    }
  }
}
