import { atPointer, encodePointer, pointerOf, pointerToken } from './json-pointer.ts'
import { isObject, type JsonSchema, type SchemaObject, walkSchema } from './json-schema.ts'

/** A schema without outside references, and its mistakes. */
export interface SelfContainedSchema {
  /** Plain JSON in draft 2020-12; every `$ref` is a JSON pointer into it. */
  schema: JsonSchema
  /** Messages about invalid references; empty when there are none. */
  mistakes: string[]
}

/**
 * Converts a schema of any origin (TypeBox, draft-07, with schemas shared by `app.addSchema`) to the form from which
 * validators and documents are made. The original is not changed.
 *
 * References by name (`$id`, `$anchor`) become JSON pointers, because two schemas of one gateway may use the same name.
 * Tuples of draft-07 (`items: [...]`, TypeBox writes them too) become `prefixItems`.
 * @param shared  schemas by `$id` that references may name
 */
export function selfContained(schema: unknown, shared: Record<string, unknown> = {}): SelfContainedSchema {
  let copy: JsonSchema
  try {
    copy = plainCopy(schema)
  } catch {
    return { schema: true, mistakes: ['it cannot be written as JSON'] }
  }
  if (!isObject(copy)) return { schema: copy, mistakes: [] }
  const resolver = new ReferenceResolver(copy, shared)
  resolver.resolve()
  return { schema: copy, mistakes: resolver.mistakes }
}

/** Plain JSON, without symbols and hidden keys. */
function plainCopy(schema: unknown): JsonSchema {
  const copy = JSON.parse(JSON.stringify(schema)) as JsonSchema
  walkSchema(copy, useTuplesOf2020)
  return copy
}

/** Rewrites a tuple of draft-07 (`items: [...]`) as `prefixItems`, in place. */
export function useTuplesOf2020(schema: SchemaObject): void {
  if (!Array.isArray(schema.items)) return
  const { items, additionalItems } = schema
  delete schema.items
  delete schema.additionalItems
  schema.prefixItems = items
  if (additionalItems !== undefined) schema.items = additionalItems
}

type Place = [schema: SchemaObject, pointer: string]

/** Keywords for names of schemas, removed when references are resolved to pointers. */
const NAMES = ['$id', '$anchor', '$schema', '$dynamicAnchor', '$recursiveAnchor', '$vocabulary']

class ReferenceResolver {
  readonly mistakes: string[] = []
  readonly #root: SchemaObject
  readonly #shared: Record<string, unknown>
  /** Name as a reference writes it (`Node`, `#node`) to JSON pointer. */
  readonly #named = new Map<string, string>()
  readonly #queue: [schema: unknown, pointer: string, base: string][] = []
  readonly #visited = new Set<unknown>()

  constructor(root: SchemaObject, shared: Record<string, unknown>) {
    this.#root = root
    this.#shared = shared
    this.#queue.push([root, '', ''])
  }

  /** Rewrites the references of the root, and of every schema that they lead to. */
  resolve(): void {
    const references: Place[] = []
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const [schema, at, base] = next
      const found: Place[] = []
      walkSchema(
        schema,
        (place, pointer) => {
          if (this.#visited.has(place)) return
          this.#visited.add(place)
          this.#takeName(place, pointer)
          if (typeof place.$ref === 'string') found.push([place, pointer])
          if ('$dynamicRef' in place || '$recursiveRef' in place) {
            this.mistakes.push(`${pointer || 'it'} uses a dynamic reference: use "$ref"`)
          }
        },
        at,
      )
      for (const [place, pointer] of found) this.#rewrite(place, pointer, base)
      references.push(...found)
    }
    for (const [place, pointer] of references) {
      if (this.#leadsBack(place)) this.mistakes.push(`${pointer}/$ref is "${place.$ref}", which leads back to itself`)
    }
  }

  #leadsBack(schema: SchemaObject): boolean {
    const passed = new Set<unknown>()
    for (
      let next: unknown = schema;
      isObject(next) && typeof next.$ref === 'string';
      next = atPointer(this.#root, pointerOf(next.$ref))
    ) {
      if (passed.has(next)) return true
      passed.add(next)
    }
    return false
  }

  #takeName(schema: SchemaObject, pointer: string): void {
    const { $id, $anchor } = schema
    if (typeof $id === 'string') this.#named.set($id.replace(/(.)#$/, '$1'), pointer)
    if (typeof $anchor === 'string') this.#named.set(`#${$anchor}`, pointer)
    for (const name of NAMES) if (name in schema) delete schema[name]
  }

  #rewrite(schema: SchemaObject, pointer: string, base: string): void {
    const target = this.#target(schema.$ref, base)
    if (target === undefined) this.mistakes.push(`${pointer}/$ref is "${schema.$ref}", which leads nowhere`)
    else schema.$ref = `#${encodePointer(target)}`
  }

  /** The JSON pointer that a reference names; undefined when there is none. */
  #target(reference: string, base: string): string | undefined {
    const [name, fragment] = reference.includes('#') ? (reference.split('#', 2) as [string, string]) : [reference, '']
    const pointer = pointerOf(fragment)
    if (name === '') {
      if (pointer !== '' && !pointer.startsWith('/')) return this.#named.get(`#${pointer}`)
      return this.#existing(base + pointer, base)
    }
    const start = this.#named.get(name) ?? this.#adopt(name)
    return start === undefined ? undefined : this.#existing(start + pointer, start)
  }

  #existing(pointer: string, base: string): string | undefined {
    const found = atPointer(this.#root, pointer)
    if (!isObject(found)) return typeof found === 'boolean' ? pointer : undefined
    // a schema may stand under a keyword that is not for schemas
    if (!this.#visited.has(found)) this.#queue.push([found, pointer, base])
    return pointer
  }

  /** Copies a shared schema into `$defs`. */
  #adopt(name: string): string | undefined {
    if (!Object.hasOwn(this.#shared, name)) return undefined
    const definitions = (this.#root.$defs ??= {})
    let key = name.replace(/[^\w.-]+/g, '-')
    while (Object.hasOwn(definitions, key)) key += '-'
    const pointer = `/$defs/${pointerToken(key)}`
    definitions[key] = plainCopy(this.#shared[name])
    this.#named.set(name, pointer)
    this.#queue.push([definitions[key], pointer, pointer])
    return pointer
  }
}
