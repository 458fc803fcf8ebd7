import { atPointer, pointerOf, pointerToken } from '../schema/json-pointer.ts'
import { isObject } from '../schema/json-schema.ts'
import type { DocumentSource } from './document-origins.ts'
import { SourceRefused, type DocumentSources } from './document-sources.ts'

/** A part of a file. */
export interface Target {
  source: DocumentSource
  /** JSON pointer in the file. */
  pointer: string
}

/** Most references that may be followed on the way to one part. */
const MAX_DETOURS = 20

/** Finds the parts that references name. */
export class TargetFinder {
  readonly #sources: DocumentSources
  readonly #names = new Map<DocumentSource, SchemaNames>()

  constructor(sources: DocumentSources) {
    this.#sources = sources
  }

  /**
   * Finds the part that a reference names.
   * @param from  where the reference stands
   * @throws SourceRefused whose message continues a sentence that starts with the reference
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

  /** The schema with this `$id`, in any file read so far. */
  #byId(address: string, { source, pointer }: Target): Target | undefined {
    const own = this.#namesOf(source).byId(address, pointer)
    if (own !== undefined) return { source, pointer: own }
    for (const [other, names] of this.#names) {
      const found = names.byId(address, '')
      if (found !== undefined) return { source: other, pointer: found }
    }
    return undefined
  }

  /** The part at a pointer. When the pointer leads through a `$ref`, follows it. */
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

/**
 * The names of schemas in a file (`$id`, `$anchor`), which references may use instead of JSON pointers (JSON Schema
 * 2020-12, section 8.2).
 */
class SchemaNames {
  readonly #value: unknown
  /** `$id` as written, and as a URL, to JSON pointer. */
  readonly #ids = new Map<string, string>()
  readonly #resources: { pointer: string; url: string }[] = []
  readonly #anchors = new Map<string, string[]>()

  /** @param base  URL of the file, against which relative names are resolved */
  constructor(value: unknown, base: string) {
    this.#value = value
    const visit = (part: unknown, pointer: string, url: string): void => {
      if (typeof part !== 'object' || part === null) return
      if (isObject(part)) {
        if (typeof part.$id === 'string') {
          url = URL.parse(part.$id, url)?.href.replace(/#$/, '') ?? url
          this.#resources.push({ pointer, url })
          for (const name of [part.$id.replace(/#$/, ''), url]) if (!this.#ids.has(name)) this.#ids.set(name, pointer)
        }
        for (const name of [part.$anchor, part.$dynamicAnchor]) {
          if (typeof name === 'string') this.#anchors.set(name, [...(this.#anchors.get(name) ?? []), pointer])
        }
      }
      for (const key of Object.keys(part)) {
        const inner = (part as Record<string, unknown>)[key]
        if (typeof inner === 'object' && inner !== null) visit(inner, `${pointer}/${pointerToken(key)}`, url)
      }
    }
    visit(value, '', base)
  }

  /** The pointer of the schema that an address names, as written or resolved against the `$id` around the place. */
  byId(address: string, place: string): string | undefined {
    if (this.#ids.size === 0) return undefined
    const around = this.#around(place)
    return this.#ids.get(address) ?? (around && this.#ids.get(URL.parse(address, around.url)?.href ?? ''))
  }

  /**
   * The pointer of the part that a fragment names. A JSON pointer starts at the schema with an `$id` around the place;
   * when it leads nowhere there, at the root of the file, as many authors write it. An anchor of that schema is
   * preferred to one elsewhere.
   */
  byFragment(fragment: string, place: string): string | undefined {
    const start = this.#around(place)?.pointer ?? ''
    if (fragment === '' || fragment.startsWith('/')) {
      return start !== '' && atPointer(this.#value, start + fragment) !== undefined ? start + fragment : fragment
    }
    const anchors = this.#anchors.get(fragment)
    return anchors?.find((pointer) => this.#around(pointer)?.pointer === (start || undefined)) ?? anchors?.[0]
  }

  /** The innermost schema with an `$id` around a place. */
  #around(place: string): { pointer: string; url: string } | undefined {
    return this.#resources.findLast(({ pointer }) => place === pointer || place.startsWith(`${pointer}/`))
  }
}
