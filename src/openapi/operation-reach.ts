import { atPointer, isObject, pointerToken, type SchemaObject } from '../schema/json-schema.ts'
import { referencePointer } from './local-reference.ts'
import { METHODS } from './operation-reader.ts'

/** Whether one pointer is another one, or leads into what is there. */
const isWithin = (pointer: string, outer: string): boolean => pointer === outer || pointer.startsWith(`${outer}/`)

/** Which operations of a document use a part of it, directly or through references. */
export class OperationReach {
  readonly #root: SchemaObject
  /** By the pointer of an operation or of what a reference names: the pointers of those that name it. */
  readonly #users = new Map<string, Set<string>>()
  /** What belongs to an operation: itself, and the parameters of its path. */
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

  /** Pointers of the operations that use what stands at a pointer, or something in it. */
  usersOf(pointer: string): string[] {
    const found = new Set<string>()
    for (const node of this.#users.keys()) {
      const parts = this.#operations.get(node) ?? [node]
      if (parts.some((part) => isWithin(pointer, part)) || isWithin(node, pointer)) found.add(node)
    }
    // grows while it is walked
    for (const node of found) for (const user of this.#users.get(node)!) found.add(user)
    return [...found].filter((node) => this.#operations.has(node))
  }

  /** Data that looks like a reference counts as one: then an operation seems to use a part that it does not. */
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
