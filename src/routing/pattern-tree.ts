import type { LooseSegment } from './loose-path.ts'

interface Node<T> {
  texts: Map<string, Node<T>>
  parameters: { segment: LooseSegment & { kind: 'parameter' }; node: Node<T> }[]
  /** Value of the pattern that ends here. */
  value: T | null
  /** Value of the pattern with a wildcard from here on. */
  rest: T | null
}

const emptyNode = <T>(): Node<T> => ({ texts: new Map(), parameters: [], value: null, rest: null })

/** Path patterns, matched loosely. Each has one value. */
export class PatternTree<T> {
  readonly #root = emptyNode<T>()

  /** The value of a pattern; created if missing. */
  at(pattern: readonly LooseSegment[], make: () => T): T {
    let node = this.#root
    for (const segment of pattern) {
      if (segment.kind === 'wildcard') {
        node.rest ??= make()
        return node.rest
      }
      node = segment.kind === 'text' ? textChild(node, segment.text) : parameterChild(node, segment)
    }
    node.value ??= make()
    return node.value
  }

  /**
   * Visits the value of every pattern that matches a path, until a visit returns true: literal text first, then
   * parameters, then wildcards, as in the router.
   */
  find(path: readonly string[], visit: (value: T) => boolean): boolean {
    return findFrom(this.#root, path, 0, visit)
  }

  /** Visits the value of every pattern that shares a possible path with this one. */
  overlapping(pattern: readonly LooseSegment[], visit: (value: T) => void): void {
    overlapFrom(this.#root, pattern, 0, visit)
  }
}

function textChild<T>(node: Node<T>, text: string): Node<T> {
  let child = node.texts.get(text)
  if (child === undefined) node.texts.set(text, (child = emptyNode()))
  return child
}

function parameterChild<T>(node: Node<T>, segment: LooseSegment & { kind: 'parameter' }): Node<T> {
  const known = node.parameters.find((other) => other.segment.key === segment.key)
  if (known !== undefined) return known.node
  const child = { segment, node: emptyNode<T>() }
  // the router tries the more specific ones first
  if (segment.plain) node.parameters.push(child)
  else node.parameters.unshift(child)
  return child.node
}

function findFrom<T>(node: Node<T>, path: readonly string[], i: number, visit: (value: T) => boolean): boolean {
  if (i === path.length) {
    if (node.value !== null && visit(node.value)) return true
  } else {
    const text = path[i]!
    const child = node.texts.get(text)
    if (child !== undefined && findFrom(child, path, i + 1, visit)) return true
    for (const { segment, node: next } of node.parameters) {
      if (segment.fits(text) && findFrom(next, path, i + 1, visit)) return true
    }
  }
  return node.rest !== null && visit(node.rest)
}

function overlapFrom<T>(node: Node<T>, pattern: readonly LooseSegment[], i: number, visit: (value: T) => void): void {
  const segment = pattern[i]
  if (node.rest !== null) visit(node.rest)
  if (segment === undefined) {
    if (node.value !== null) visit(node.value)
    return
  }
  if (segment.kind === 'wildcard') {
    if (node.value !== null) visit(node.value)
    for (const child of node.texts.values()) overlapFrom(child, pattern, i, visit)
    for (const { node: child } of node.parameters) overlapFrom(child, pattern, i, visit)
    return
  }
  if (segment.kind === 'text') {
    const child = node.texts.get(segment.text)
    if (child !== undefined) overlapFrom(child, pattern, i + 1, visit)
  } else {
    for (const [text, child] of node.texts) if (segment.fits(text)) overlapFrom(child, pattern, i + 1, visit)
  }
  for (const { segment: other, node: child } of node.parameters) {
    if (segment.kind !== 'text' || other.fits(segment.text)) overlapFrom(child, pattern, i + 1, visit)
  }
}
