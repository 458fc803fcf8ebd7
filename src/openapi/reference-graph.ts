/** Steps from a schema to one that looks at the same value. */
const IN_PLACE = /\/(?:(?:allOf|anyOf|oneOf)\/\d+|not|if|then|else|dependentSchemas\/[^/]+)$/

interface Edge {
  target: string
  pointer: string
  reference: string
  without: readonly string[]
}

/**
 * Which schemas look at a value through which others. A circle of such would look at one value for ever; a circle that
 * goes through a property or an item ends where the value does.
 */
export class ReferenceGraph {
  /** By the pointer of a schema: where the references lead that look at the same value. */
  readonly #edges = new Map<string, Edge[]>()
  /** Pointers of the schemas whose reference leaves unions out. */
  readonly reduced: string[] = []

  /**
   * @param pointer    of the schema that holds the reference
   * @param target     pointer of what it names
   * @param reference  as written
   * @param without    unions of what it names that do not count there
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
