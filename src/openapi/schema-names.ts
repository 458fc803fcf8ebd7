import { atPointer, isObject, pointerToken } from '../schema/json-schema.ts'

/**
 * Names that the schemas of a file have (`$id`, `$anchor`), since references may use them in place of JSON pointers
 * (JSON Schema 2020-12, section 8.2).
 */
export class SchemaNames {
  readonly #value: unknown
  /** `$id` as written, and as a URL, to JSON pointer. */
  readonly #ids = new Map<string, string>()
  readonly #resources: { pointer: string; url: string }[] = []
  readonly #anchors = new Map<string, string[]>()

  /** @param base  URL of the file, which relative names start from */
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

  /** Pointer of the schema that an address names, as written or from the schema around the place. */
  byId(address: string, place: string): string | undefined {
    if (this.#ids.size === 0) return undefined
    const around = this.#around(place)
    return this.#ids.get(address) ?? (around && this.#ids.get(URL.parse(address, around.url)?.href ?? ''))
  }

  /**
   * Pointer of what a fragment names: a JSON pointer counts from the schema with an `$id` around the place, and where
   * it leads nowhere from there, as many are written, from the top of the file; a name counts in that schema first.
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
