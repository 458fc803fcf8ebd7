import { atPointer, pointerToken, referencePointer } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { Mistake } from './document-check.ts'
import { METHODS } from './document-grammar.ts'

/**
 * Most schemas that one operation may use, through references too. The first request compiles them all at once. The
 * largest public documents reach 6200 (DocuSign) and 5100 (Stripe).
 */
const MOST_SCHEMAS = 15_000

/** A part of a document, with its number of schemas. */
interface Node {
  /** Schemas within the part; at least 1, so that every part counts. */
  weight: number
  /** The parts that its references name. */
  targets: Node[]
  /** The number of the last search that has counted it. */
  seenBy: number
}

/**
 * Finds operations with so many schemas that compiling them would hold up other requests.
 * @param schemas  every schema of the document
 */
export function checkWeight(root: SchemaObject, schemas: ReadonlySet<unknown>, most = MOST_SCHEMAS): Mistake[] {
  // the whole document has no more than that
  if (schemas.size <= most) return []
  const parts = new Parts(root, schemas)
  const mistakes: Mistake[] = []
  let turn = 0
  for (const [path, item] of Object.entries<unknown>(isObject(root.paths) ? root.paths : {})) {
    if (!isObject(item)) continue
    const at = `/paths/${pointerToken(path)}`
    for (const method of METHODS) {
      if (item[method] === undefined) continue
      const start = [`${at}/${method}`, `${at}/parameters`].map((pointer) => parts.at(pointer))
      if (weighsMore(start, ++turn, most)) {
        mistakes.push([
          `${at}/${method}`,
          `uses more than ${most} schemas, through references too: use fewer, or split the operation`,
        ])
      }
    }
  }
  return mistakes
}

function weighsMore(start: Node[], turn: number, most: number): boolean {
  let weight = 0
  for (let node = start.pop(); node !== undefined; node = start.pop()) {
    if (node.seenBy === turn) continue
    node.seenBy = turn
    weight += node.weight
    if (weight > most) return true
    for (const target of node.targets) if (target.seenBy !== turn) start.push(target)
  }
  return false
}

class Parts {
  readonly #root: SchemaObject
  readonly #schemas: ReadonlySet<unknown>
  readonly #nodes = new Map<string, Node>()

  constructor(root: SchemaObject, schemas: ReadonlySet<unknown>) {
    this.#root = root
    this.#schemas = schemas
  }

  /** The part at a pointer, linked to all parts that it refers to. */
  at(pointer: string): Node {
    const known = this.#nodes.get(pointer)
    if (known !== undefined) return known
    const waiting: string[] = [pointer]
    const made = this.#node(pointer)
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const node = this.#node(next)
      for (const target of this.#read(node, next)) {
        if (!this.#nodes.has(target)) waiting.push(target)
        node.targets.push(this.#node(target))
      }
    }
    return made
  }

  #node(pointer: string): Node {
    let node = this.#nodes.get(pointer)
    if (node === undefined) this.#nodes.set(pointer, (node = { weight: 0, targets: [], seenBy: 0 }))
    return node
  }

  /** Counts the schemas of a part. @returns the pointers in its references */
  #read(node: Node, pointer: string): Set<string> {
    const targets = new Set<string>()
    const look = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return
      if (this.#schemas.has(part)) node.weight++
      const target = isObject(part) ? referencePointer(part.$ref) : undefined
      if (target !== undefined) targets.add(target)
      for (const inner of Object.values(part)) look(inner)
    }
    look(atPointer(this.#root, pointer))
    node.weight ||= 1
    return targets
  }
}

/** Whether a pointer is another one or leads into its part. */
const isWithin = (pointer: string, outer: string): boolean => pointer === outer || pointer.startsWith(`${outer}/`)

/** Finds the operations that use a part of a document, directly or through references. */
export class OperationReach {
  readonly #root: SchemaObject
  /** By the pointer of an operation or of a referenced part: the pointers of the parts that refer to it. */
  readonly #users = new Map<string, Set<string>>()
  /** The parts of an operation: itself, and the parameters of its path. */
  readonly #operations = new Map<string, readonly string[]>()

  constructor(root: SchemaObject) {
    this.#root = root
    const waiting: string[] = []
    for (const [path, item] of Object.entries<unknown>(isObject(root.paths) ? root.paths : {})) {
      if (!isObject(item)) continue
      const at = `/paths/${pointerToken(path)}`
      for (const method of METHODS) {
        if (item[method] === undefined) continue
        const operation = `${at}/${method}`
        this.#operations.set(operation, [operation, `${at}/parameters`])
        this.#users.set(operation, new Set())
        waiting.push(operation)
      }
    }
    for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
      for (const target of (this.#operations.get(user) ?? [user]).flatMap((pointer) =>
        this.#targetsIn(atPointer(root, pointer)),
      )) {
        const known = this.#users.get(target)
        if (known) known.add(user)
        else {
          this.#users.set(target, new Set([user]))
          waiting.push(target)
        }
      }
    }
  }

  /** Pointers of the operations that use the part at a pointer, or a part within it. */
  usersOf(pointer: string): string[] {
    const found = new Set<string>()
    for (const node of this.#users.keys()) {
      const parts = this.#operations.get(node) ?? [node]
      if (parts.some((part) => isWithin(pointer, part)) || isWithin(node, pointer)) found.add(node)
    }
    // the set grows during the loop
    for (const node of found) for (const user of this.#users.get(node)!) found.add(user)
    return [...found].filter((node) => this.#operations.has(node))
  }

  /**
   * Collects references. Example data that looks like one counts too; then the operation only seems to use the part.
   */
  #targetsIn(value: unknown): string[] {
    const targets: string[] = []
    const collect = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return
      for (const [key, inner] of Object.entries(part)) {
        if (key === '$ref') this.#add(targets, referencePointer(inner))
        else if (key === 'mapping' && isObject(inner)) {
          for (const named of Object.values(inner)) {
            this.#add(targets, referencePointer(named) ?? `/components/schemas/${pointerToken(String(named))}`)
          }
        }
        collect(inner)
      }
    }
    collect(value)
    return targets
  }

  #add(targets: string[], target: string | undefined): void {
    if (target !== undefined && atPointer(this.#root, target) !== undefined) targets.push(target)
  }
}

/** The end of a pointer to a subschema that applies to the same value as its parent (`allOf/0`, `not`). */
export const IN_PLACE = /\/(?:(?:allOf|anyOf|oneOf)\/\d+|not|if|then|else|dependentSchemas\/[^/]+)$/

interface Edge {
  target: string
  pointer: string
  reference: string
  without: readonly string[]
}

/**
 * Finds circles of references that apply to the same value: validating it would never end. A circle through a property
 * or an item is harmless, since it ends where the value does.
 */
export class ReferenceGraph {
  /** By the pointer of a schema: its references that apply to the same value. */
  readonly #edges = new Map<string, Edge[]>()
  /** Pointers of the schemas whose reference ignores a union. */
  readonly reduced: string[] = []

  /**
   * @param pointer    of the schema that holds the reference
   * @param target     pointer of the schema that it names
   * @param reference  as written
   * @param without    unions of that schema that are ignored for this reference
   */
  add(pointer: string, target: string, reference: string, without: readonly string[] = []): void {
    const edge = { target, pointer, reference, without }
    if (without.length > 0) this.reduced.push(pointer)
    for (let start = pointer; ; start = start.replace(IN_PLACE, '')) {
      const edges = this.#edges.get(start)
      if (edges) edges.push(edge)
      else this.#edges.set(start, [edge])
      if (!IN_PLACE.test(start)) return
    }
  }

  /** One reference of each circle, with the pointer of the schema that holds it. */
  circles(): [pointer: string, reference: string][] {
    const found = new Map<string, string>()
    const done = new Set<string>()
    for (const start of this.#edges.keys()) {
      const open = new Set<string>()
      const way: { node: string; edges: readonly Edge[]; next: number }[] = []
      const enter = (node: string, edges: readonly Edge[]): void => {
        open.add(node)
        way.push({ node, edges, next: 0 })
      }
      if (!done.has(start)) enter(start, this.#edges.get(start)!)
      for (let step = way.at(-1); step; step = way.at(-1)) {
        const edge = step.edges[step.next++]
        if (!edge) {
          open.delete(step.node)
          done.add(step.node)
          way.pop()
          continue
        }
        const node = [edge.target, ...edge.without].join(' ')
        if (open.has(node)) found.set(edge.pointer, edge.reference)
        else if (!done.has(node)) enter(node, this.#edgesOf(edge))
      }
    }
    return [...found]
  }

  #edgesOf({ target, without }: Edge): readonly Edge[] {
    const all = this.#edges.get(target) ?? []
    return without.length === 0
      ? all
      : all.filter(({ pointer }) => !without.some((keyword) => pointer.startsWith(`${target}/${keyword}/`)))
  }
}
