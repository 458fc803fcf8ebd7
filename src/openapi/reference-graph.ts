/** Steps from a schema to one that looks at the same value. */
const IN_PLACE = /\/(?:(?:allOf|anyOf|oneOf)\/\d+|not|if|then|else|dependentSchemas\/[^/]+)$/

/**
 * Which schemas look at a value through which others. A circle of such would look at one value for ever; a circle that goes through
 * a property or an item ends where the value does.
 */
export class ReferenceGraph {
  /** By the pointer of a schema: where the references lead that look at the same value. */
  readonly #edges = new Map<string, { target: string, pointer: string, reference: string }[]>()

  /**
   * @param pointer    of the schema that holds the reference
   * @param target     pointer of what it names
   * @param reference  as written
   */
  add (pointer: string, target: string, reference: string): void {
    const edge = { target, pointer, reference }
    for (let start = pointer; ; start = start.replace(IN_PLACE, '')) {
      const edges = this.#edges.get(start)
      if (edges) edges.push(edge)
      else this.#edges.set(start, [edge])
      if (!IN_PLACE.test(start)) return
    }
  }

  /** One reference of each circle, with the pointer of the schema that holds it. */
  circles (): [pointer: string, reference: string][] {
    const found = new Map<string, string>()
    const done = new Set<string>()
    for (const start of this.#edges.keys()) {
      const open = new Set<string>()
      const way: { node: string, next: number }[] = []
      const enter = (node: string): void => {
        open.add(node)
        way.push({ node, next: 0 })
      }
      if (!done.has(start)) enter(start)
      for (let step = way.at(-1); step; step = way.at(-1)) {
        const edge = this.#edges.get(step.node)?.[step.next++]
        if (!edge) {
          open.delete(step.node)
          done.add(step.node)
          way.pop()
        } else if (open.has(edge.target)) found.set(edge.pointer, edge.reference)
        else if (!done.has(edge.target)) enter(edge.target)
      }
    }
    return [...found]
  }
}
