import type { DocumentOrigins } from './document-origins.ts'

/** Most places that a note names; the others are counted. */
const MAX_EXAMPLES = 2

/** What is read and not enforced: each kind is told once, with the first places. */
export class DocumentNotes {
  readonly #notes = new Map<string, { pointers: string[]; count: number }>()

  /**
   * @param kind     what is to be known, in words
   * @param pointer  where
   */
  add(kind: string, pointer: string): void {
    const note = this.#notes.get(kind)
    if (!note) this.#notes.set(kind, { pointers: [pointer], count: 1 })
    else if (note.count++ < MAX_EXAMPLES) note.pointers.push(pointer)
  }

  /** The same notes, to which others can be added without these. */
  copy(): DocumentNotes {
    const copy = new DocumentNotes()
    for (const [kind, { pointers, count }] of this.#notes) copy.#notes.set(kind, { pointers: [...pointers], count })
    return copy
  }

  /** All notes in the order in which they were found first. */
  tell(origins: DocumentOrigins): string[] {
    const all = [...this.#notes]
    const places = origins.whereabouts(all.flatMap(([, { pointers }]) => pointers))
    let at = 0
    return all.map(([kind, { pointers, count }]) => {
      const named = pointers.map(() => places[at++]!.where).join(', ')
      return `${kind} (${named}${count > pointers.length ? ` and ${count - pointers.length} more` : ''})`
    })
  }
}
