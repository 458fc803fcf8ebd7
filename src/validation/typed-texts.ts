import { scalarValue, type TextShape, textShape } from './text-shape.ts'

/**
 * Gives texts within lists and objects the types that their schemas name. The validator would do so too, but each
 * schema by itself: what stands beside an `allOf` or a reference has seen the text, of which `maximum` says nothing.
 */
export class TypedTexts {
  readonly #root: unknown
  readonly #shapes = new Map<string, TextShape>()

  /** @param root  of the document */
  constructor(root: unknown) {
    this.#root = root
  }

  /**
   * A copy with numbers and booleans; texts that may stand for several types stay as they are.
   * @param pointer  JSON pointer of the schema; null for none
   */
  typed(pointer: string | null, value: unknown): unknown {
    if (pointer === null) return value
    if (typeof value === 'string') {
      return this.#shape(pointer).textual.reduce<unknown>(
        (typed, type) => (typeof typed === 'string' ? scalarValue(typed, type) : typed),
        value,
      )
    }
    if (typeof value !== 'object' || value === null) return value
    const shape = this.#shape(pointer)
    if (Array.isArray(value)) return value.map((item) => this.typed(shape.itemsPointer, item))
    const copy: Record<string, unknown> = Object.create(null)
    for (const name of Object.keys(value)) {
      copy[name] = this.typed(
        shape.properties.get(name) ?? shape.othersPointer,
        (value as Record<string, unknown>)[name],
      )
    }
    return copy
  }

  #shape(pointer: string): TextShape {
    let shape = this.#shapes.get(pointer)
    if (!shape) this.#shapes.set(pointer, (shape = textShape(this.#root, pointer)))
    return shape
  }
}
