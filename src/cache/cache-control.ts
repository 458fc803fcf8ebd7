import type { IncomingHttpHeaders } from 'node:http'
import { parseDictionary } from 'structured-headers'

/** Cache directives: the name in lower case and its value; `null` for a directive without a value. */
export type Directives = ReadonlyMap<string, string | null>

/** `name`, `name=token` or `name="quoted"`, up to the next comma (RFC 9111, section 5.2). */
const DIRECTIVE =
  /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]*)))?\s*(?=,|$)/y
/** Text up to the next comma that is no directive. A quoted string may contain commas. */
const OTHER = /[\s,]*(?:"(?:[^"\\]|\\.)*"?|[^",])+/y
/** Larger values count as 2^31 (RFC 9111, section 1.2.2). */
const MOST_SECONDS = 2 ** 31

export const NO_DIRECTIVES: Directives = new Map()

/**
 * The directives of `Cache-Control` (RFC 9111, section 5.2). The first of repeated directives counts (section 4.2.1).
 * Malformed ones are skipped.
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
 * The seconds of a directive (RFC 9111, section 1.2.2); undefined without the directive. An invalid value counts as 0:
 * the response is stale (section 4.2.1).
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return deltaSeconds(value) ?? 0
}

/** A whole number of seconds; undefined for any other text. */
export const deltaSeconds = (text: string | null): number | undefined =>
  text !== null && /^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) : undefined

/** The field names that a directive lists, in lower case: `no-cache="set-cookie, x-a"`. */
export const fieldNames = (value: string | null | undefined): string[] =>
  value
    ? value
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== '')
    : []

/** Cache directives for this gateway alone. Stored, because a 304 is judged by it; not sent to clients. */
export const OWN_CONTROL = 'gatehouse-cache-control'
/** Fields that address this cache, the most specific first (RFC 9213, section 2.2: target list). */
const TARGETED_FIELDS = [OWN_CONTROL, 'cdn-cache-control'] as const
/** Directives whose value may list fields. */
const LISTS = new Set(['no-cache', 'private'])

export interface ControlOfResponse {
  directives: Directives
  /** Whether they come from a targeted field: `Expires` and `Cache-Control` are ignored (RFC 9213, section 2.2). */
  targeted: boolean
}

/** The directives of a response for this cache. */
export function controlOf(headers: IncomingHttpHeaders): ControlOfResponse {
  for (const name of TARGETED_FIELDS) {
    const field = headers[name]
    if (field === undefined) continue
    const directives = parseTargeted(String(field))
    if (directives !== null) return { directives, targeted: true }
  }
  return { directives: parseCacheControl(headers['cache-control']), targeted: false }
}

/** A structured dictionary; null when it is empty or malformed: the field is ignored (RFC 9213, section 2.2). */
function parseTargeted(text: string): Directives | null {
  const found = new Map<string, string | null>()
  try {
    for (const [key, [value]] of parseDictionary(text)) {
      // a value of a type that the directive does not have: ignored
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0) found.set(key, String(value))
      else if (value === true) found.set(key, null)
      else if (typeof value === 'string' && LISTS.has(key)) found.set(key, value)
    }
  } catch {
    return null
  }
  return found.size > 0 ? found : null
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const LONG_WEEKDAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hours>\\d\\d):(?<minutes>\\d\\d):(?<seconds>\\d\\d)'

/** The three forms of a date (RFC 9110, section 5.6.7). Weekday, month and zone in any case, since some senders vary it. */
const HTTP_DATE = new RegExp(
  [
    `^${WEEKDAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} gmt$`,
    `^${LONG_WEEKDAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} gmt$`,
    `^${WEEKDAY} ${MONTH} (?<day> \\d|\\d\\d) ${TIME} (?<year>\\d{4})$`,
  ].join('|'),
  'i',
)

/**
 * Reads an HTTP-date (RFC 9110, section 5.6.7).
 * @param now  milliseconds since 1970; a year of two digits lies at most 50 years after it
 * @returns milliseconds since 1970, or undefined when the text is no HTTP-date
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  const parts = text === undefined ? undefined : HTTP_DATE.exec(text)?.groups
  if (parts === undefined) return undefined
  const [day, hours, minutes, seconds] = [parts.day!, parts.hours!, parts.minutes!, parts.seconds!].map(Number)
  // 60 for a leap second
  if (hours! > 23 || minutes! > 59 || seconds! > 60) return undefined
  let year = Number(parts.year)
  if (parts.year!.length === 2) {
    const thisYear = new Date(now).getUTCFullYear()
    year += Math.floor(thisYear / 100) * 100
    if (year > thisYear + 50) year -= 100
  }
  const midnight = Date.UTC(year, MONTHS.indexOf(parts.month!.toLowerCase()), day)
  if (new Date(midnight).getUTCDate() !== day) return undefined
  return midnight + (hours! * 3600 + minutes! * 60 + seconds!) * 1000
}
