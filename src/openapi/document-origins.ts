import type { Problem } from '../errors.ts'
import { parentPointer, pointerNames } from '../schema/json-pointer.ts'
import type { DataFile } from '../schema/data-file.ts'

/** A file of a document. */
export interface DocumentSource extends DataFile {
  /** Real path or URL. */
  readonly id: string
  /** As people know it. */
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

/** A JSON pointer in words. */
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

/** Most problems that are told of one document. */
const MAX_PROBLEMS = 50

/** From where the parts of a document came that has been put together from files. */
export class DocumentOrigins {
  readonly #origins = new Map<string, Origin>()

  /** Says that what stands at a pointer of the document, and below it, stands at another pointer of a file. */
  add(pointer: string, source: DocumentSource, sourcePointer: string): void {
    this.#origins.set(pointer, { source, pointer: sourcePointer })
  }

  /**
   * Where parts stand since the document was lifted, and where they stood before: `/components/schemas` for
   * `/definitions`.
   */
  moved: ReadonlyMap<string, string> = new Map()

  of(lifted: string): Origin {
    const [home] = /^\/components\/\w+/.exec(lifted) ?? ['']
    const before = this.moved.get(home)
    const pointer = before === undefined ? lifted : before + lifted.slice(home.length)
    for (let start = pointer; ; start = parentPointer(start)) {
      const origin = this.#origins.get(start)
      if (origin) return { source: origin.source, pointer: origin.pointer + pointer.slice(start.length) }
      if (start === '') throw new Error('the document has no origin')
    }
  }

  /** Whether a place lies in something that came from a part of a file. */
  isWithin(place: string, source: DocumentSource, pointer: string): boolean {
    for (let start = place; start !== ''; start = parentPointer(start)) {
      const origin = this.#origins.get(start)
      if (origin?.source === source && origin.pointer === pointer) return true
    }
    return false
  }

  /** Files and lines of parts, found in one pass over each file. */
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

  /** Problems at pointers, in words; past the first fifty they are only counted. */
  problems(found: readonly (readonly [pointer: string, message: string])[]): Problem[] {
    const told = found.slice(0, MAX_PROBLEMS)
    const places = this.whereabouts(told.map(([pointer]) => pointer))
    const problems = told.map(([, message], at) => ({ file: places[at]!.where, field: places[at]!.field, message }))
    if (found.length > told.length) {
      problems.push({
        file: this.of('').source.name,
        field: '',
        message: `has ${found.length - told.length} more problems: mend these first`,
      })
    }
    return problems
  }
}

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
