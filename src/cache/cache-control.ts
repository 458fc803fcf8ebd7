/** Directives in small letters with their values; `null` for those without one. */
export type Directives = ReadonlyMap<string, string | null>

/** `name`, `name=token` or `name="quoted"`, up to the next comma (RFC 9111, section 5.2). */
const DIRECTIVE =
  /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]*)))?\s*(?=,|$)/y
/** What is none, quotes included. */
const OTHER = /[\s,]*(?:"(?:[^"\\]|\\.)*"?|[^",])+/y
/** "At least 2^31", which stands for all that is larger (RFC 9111, section 1.2.2). */
const MOST_SECONDS = 2 ** 31

export const NO_DIRECTIVES: Directives = new Map()

/**
 * The directives of `Cache-Control` (RFC 9111, section 5.2). Of one that is repeated the first counts (section 4.2.1);
 * what is malformed is passed over.
 */
export function parseCacheControl(field: string | string[] | undefined): Directives {
  if (field === undefined) return NO_DIRECTIVES
  const text = String(field)
  const found = new Map<string, string | null>()
  for (let at = 0; at < text.length;) {
    DIRECTIVE.lastIndex = at
    const match = DIRECTIVE.exec(text)
    if (match !== null) {
      const [, name, quoted, token] = match
      const key = name!.toLowerCase()
      if (!found.has(key)) found.set(key, quoted === undefined ? (token ?? null) : quoted.replace(/\\(.)/g, '$1'))
      at = DIRECTIVE.lastIndex
    } else {
      OTHER.lastIndex = at
      at = OTHER.test(text) ? OTHER.lastIndex : text.length
    }
  }
  return found
}

/**
 * Delta-seconds of a directive (RFC 9111, section 1.2.2); undefined without the directive. A value that is none counts
 * as 0, so that the response is taken for stale (section 4.2.1).
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return deltaSeconds(value) ?? 0
}

/** A whole number of seconds; undefined when the text is none. */
export const deltaSeconds = (text: string | null): number | undefined =>
  text !== null && /^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) : undefined

/** Field names that a directive lists, in small letters: `no-cache="set-cookie, x-a"`. */
export const fieldNames = (value: string | null | undefined): string[] =>
  value
    ? value
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== '')
    : []
