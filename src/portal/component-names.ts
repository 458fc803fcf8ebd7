/**
 * Names that are given once each; one that is asked for again gets a number. Which gets it is a matter of the order
 * alone.
 */
export class UniqueNames {
  readonly #taken = new Set<string>()
  /** The last number by name, so that many that want one name take no time. */
  readonly #last = new Map<string, number>()

  has(name: string): boolean {
    return this.#taken.has(name)
  }

  /** @returns the name, with a number behind it when it is taken */
  take(name: string): string {
    let free = name
    let number = this.#last.get(name) ?? 1
    while (this.#taken.has(free)) free = `${name}-${++number}`
    if (free !== name) this.#last.set(name, number)
    this.#taken.add(free)
    return free
  }
}

/** Names of the components of a document, by section. */
export class ComponentNames {
  readonly #sections = new Map<string, UniqueNames>()

  /** A free name of the characters that components may have (OpenAPI 3.1, section 4.8.7.1). */
  take(section: string, wanted: string): string {
    let names = this.#sections.get(section)
    if (!names) this.#sections.set(section, (names = new UniqueNames()))
    return names.take(wanted.replace(/[^\w.-]+/g, '-') || '-')
  }
}
