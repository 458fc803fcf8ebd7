/**
 * Names that a backend may take for the name of a declared parameter, though they are others to whoever checks it. PHP
 * and the `qs` of Express read `limit[]=5` as `limit`; PHP also leaves out what stands before a NUL or after spaces,
 * and has `_` for spaces and dots. What one of the two has checked would not be what the other reads.
 */
export class NameAliases {
  readonly #names = new Map<string, string>()

  /** @param names  that are declared; those with brackets stand for themselves alone */
  constructor(names: Iterable<string>) {
    for (const name of names) if (!name.includes('[')) this.#names.set(plainName(name), name)
  }

  /** The declared name that another may be taken for. */
  of(name: string): string | undefined {
    return this.#names.get(plainName(name))
  }
}

/** The name as the most generous of readers has it. */
function plainName(name: string): string {
  const end = name.search(/[[\0]/)
  return (end === -1 ? name : name.slice(0, end)).trim().replace(/[ .]/g, '_')
}

/** What a request should have instead. */
export const expectedName = (name: string): string => `the name ${JSON.stringify(name)} as it is documented`
