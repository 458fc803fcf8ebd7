import type { Problem } from '../errors.ts'
import { parentPointer, pointerNames } from '../schema/json-pointer.ts'
import type { DataFile } from '../schema/data-file.ts'

/** A file of a document. */
export interface DocumentSource extends DataFile {
  /** Real path or URL. */
  readonly id: string
  /** The name in messages. */
  readonly name: string
}

interface Origin {
  source: DocumentSource
  /** JSON pointer in the source. */
  pointer: string
}

/** A place in a file, for messages. */
export interface Whereabouts {
  /** `openapi/orders.yaml:12`. */
  where: string
  /** `paths./orders.get.parameters[0].name`. */
  field: string
}

/** A JSON pointer as a field name for messages. */
const fieldOf = (pointer: string): string =>
  pointerNames(pointer).reduce(
    (field, token) =>
      /^\d{1,6}$/.test(token) && !/responses$/.test(field)
        ? `${field}[${token}]`
        : field === ''
          ? token
          : `${field}.${token}`,
    '',
  )

/** Most problems reported for one document; the rest is only counted. */
const MAX_PROBLEMS = 50

/** Remembers for each part of a bundled document which file it came from, and where it stands there. */
export class DocumentOrigins {
  readonly #origins = new Map<string, Origin>()

  /** Records that the part at a pointer, with everything below it, comes from a pointer in a file. */
  add(pointer: string, source: DocumentSource, sourcePointer: string): void {
    this.#origins.set(pointer, { source, pointer: sourcePointer })
  }

  /** Sections that the upgrade moved, from new to old pointer: `/components/schemas` to `/definitions`. */
  moved: ReadonlyMap<string, string> = new Map()

  of(upgraded: string): Origin {
    const [home] = /^\/components\/\w+/.exec(upgraded) ?? ['']
    const before = this.moved.get(home)
    const pointer = before === undefined ? upgraded : before + upgraded.slice(home.length)
    for (let start = pointer; ; start = parentPointer(start)) {
      const origin = this.#origins.get(start)
      if (origin) return { source: origin.source, pointer: origin.pointer + pointer.slice(start.length) }
      if (start === '') throw new Error('the document has no origin')
    }
  }

  /** Whether a place lies within a part that came from this pointer of this file. */
  isWithin(place: string, source: DocumentSource, pointer: string): boolean {
    for (let start = place; start !== ''; start = parentPointer(start)) {
      const origin = this.#origins.get(start)
      if (origin?.source === source && origin.pointer === pointer) return true
    }
    return false
  }

  /** Finds the files and lines of parts, in one pass over each file. */
  whereabouts(pointers: readonly string[]): Whereabouts[] {
    const result: Whereabouts[] = []
    const found = pointers.map((pointer, place) => ({ place, ...this.of(pointer) }))
    for (const [source, parts] of Map.groupBy(found, (part) => part.source)) {
      const lines = source.linesOf(parts.map(({ pointer }) => pointerNames(pointer)))
      parts.forEach(({ place, pointer }, i) => {
        result[place] = { where: `${source.name}:${lines[i]}`, field: fieldOf(pointer) }
      })
    }
    return result
  }

  /** Makes problems of mistakes, with file and line; past the first fifty they are only counted. */
  problems(found: readonly (readonly [pointer: string, message: string])[]): Problem[] {
    const shown = found.slice(0, MAX_PROBLEMS)
    const places = this.whereabouts(shown.map(([pointer]) => pointer))
    const problems = shown.map(([, message], at) => ({ file: places[at]!.where, field: places[at]!.field, message }))
    if (found.length > shown.length) {
      problems.push({
        file: this.of('').source.name,
        field: '',
        message: `has ${found.length - shown.length} more problems: fix these first`,
      })
    }
    return problems
  }
}

/** Most places that a note names; the rest is counted. */
const MAX_EXAMPLES = 2

/** Notes about what the gateway reads and does not enforce: one note for each kind, with its first places. */
export class DocumentNotes {
  readonly #notes = new Map<string, { pointers: string[]; count: number }>()

  /**
   * @param kind     the text of the note
   * @param pointer  where
   */
  add(kind: string, pointer: string): void {
    const note = this.#notes.get(kind)
    if (!note) this.#notes.set(kind, { pointers: [pointer], count: 1 })
    else if (note.count++ < MAX_EXAMPLES) note.pointers.push(pointer)
  }

  /** A copy of the notes; what is added to it does not change the original. */
  copy(): DocumentNotes {
    const copy = new DocumentNotes()
    for (const [kind, { pointers, count }] of this.#notes) copy.#notes.set(kind, { pointers: [...pointers], count })
    return copy
  }

  /** The texts of all notes, in the order in which they were first found. */
  texts(origins: DocumentOrigins): string[] {
    const all = [...this.#notes]
    const places = origins.whereabouts(all.flatMap(([, { pointers }]) => pointers))
    let at = 0
    return all.map(([kind, { pointers, count }]) => {
      const named = pointers.map(() => places[at++]!.where).join(', ')
      return `${kind} (${named}${count > pointers.length ? ` and ${count - pointers.length} more` : ''})`
    })
  }
}
