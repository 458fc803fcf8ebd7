import { atPointer, isObject, pointerOf } from '../schema/json-schema.ts'
import type { DocumentSource } from './document-origins.ts'
import { type DocumentSources, SourceRefused } from './document-sources.ts'
import { SchemaNames } from './schema-names.ts'

/** A part of a file. */
export interface Target {
  source: DocumentSource
  /** JSON pointer in the file. */
  pointer: string
}

/** How many references may lie on the way to one part. */
const MAX_DETOURS = 20

/** Finds what the references of files name. */
export class TargetFinder {
  readonly #sources: DocumentSources
  readonly #names = new Map<DocumentSource, SchemaNames>()

  constructor(sources: DocumentSources) {
    this.#sources = sources
  }

  /**
   * What a reference names.
   * @param from  where it stands
   * @throws SourceRefused with the reason, in words that go on from the reference
   */
  async find(reference: string, from: Target, detours = 0): Promise<Target> {
    const hash = reference.indexOf('#')
    const address = hash === -1 ? reference : reference.slice(0, hash)
    const fragment = hash === -1 ? '' : pointerOf(reference.slice(hash + 1))
    const isPointer = fragment === '' || fragment.startsWith('/')
    const named = address === '' ? undefined : this.#byId(address, from)
    if (named && isPointer) return this.#existing({ source: named.source, pointer: named.pointer + fragment }, detours)
    const source = named?.source ?? (address === '' ? from.source : await this.#sources.related(address, from.source))
    const pointer = this.#namesOf(source).byFragment(fragment, named?.pointer ?? (address === '' ? from.pointer : ''))
    if (pointer === undefined) throw new SourceRefused('leads nowhere')
    return this.#existing({ source, pointer }, detours)
  }

  /** The schema of any file read so far whose `$id` is an address. */
  #byId(address: string, { source, pointer }: Target): Target | undefined {
    const own = this.#namesOf(source).byId(address, pointer)
    if (own !== undefined) return { source, pointer: own }
    for (const [other, names] of this.#names) {
      const found = names.byId(address, '')
      if (found !== undefined) return { source: other, pointer: found }
    }
    return undefined
  }

  /** A part that is there; on the way to it there may be objects that are nothing but a reference. */
  async #existing(target: Target, detours: number): Promise<Target> {
    const { source, pointer } = target
    if (atPointer(source.value, pointer) !== undefined) return target
    for (let end = pointer.lastIndexOf('/'); end > 0; end = pointer.lastIndexOf('/', end - 1)) {
      const start = pointer.slice(0, end)
      const passed = atPointer(source.value, start)
      if (!isObject(passed) || typeof passed.$ref !== 'string' || detours === MAX_DETOURS) continue
      const beyond = await this.find(passed.$ref, { source, pointer: start }, detours + 1)
      return this.#existing({ source: beyond.source, pointer: beyond.pointer + pointer.slice(end) }, detours + 1)
    }
    throw new SourceRefused('leads nowhere')
  }

  #namesOf(source: DocumentSource): SchemaNames {
    let names = this.#names.get(source)
    if (!names) {
      this.#names.set(
        source,
        (names = new SchemaNames(source.value, /^https?:/.test(source.id) ? source.id : `file://${source.id}`)),
      )
    }
    return names
  }
}
