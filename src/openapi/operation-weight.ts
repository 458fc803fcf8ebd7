import { atPointer, isObject, pointerToken, type SchemaObject } from '../schema/json-schema.ts'
import type { Mistake } from './document-check.ts'
import { referencePointer } from './local-reference.ts'
import { METHODS } from './operation-reader.ts'

/**
 * Most schemas that one operation may need, those that its references lead to included: they are compiled at once, by
 * the first request that needs one. The largest public documents reach 6200 (DocuSign) and 5100 (Stripe).
 */
const MOST_SCHEMAS = 15_000

/** A part of a document that schemas are counted in. */
interface Node {
  /** Schemas that stand in it; at least 1, so that parts without any count too. */
  weight: number
  /** What its references lead to. */
  targets: Node[]
  /** The operation that has come by last. */
  seenBy: number
}

/**
 * Finds operations that need more schemas than a validator can be made of while other requests wait.
 * @param schemas  every schema of the document
 */
export function checkWeight(root: SchemaObject, schemas: ReadonlySet<unknown>, most = MOST_SCHEMAS): Mistake[] {
  // a document that has no more can have no such operation
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
          `needs more than ${most} schemas, with those that its references lead to: make them fewer, or split the operation`,
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

  /** The part at a pointer, with all that can be reached from it. */
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

  /** Counts the schemas of a part. @returns pointers of what its references lead to */
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
