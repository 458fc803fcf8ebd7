import type { IncomingHttpHeaders } from 'node:http'
import { fieldNames } from './cache-control.ts'
import type { StoredResponse } from './stored-response.ts'

/** Fields whose members are ordered by weight, not by position (RFC 9110, section 12.5). */
const UNORDERED = new Set(['accept', 'accept-charset', 'accept-encoding', 'accept-language'])
/** Fields with case-insensitive values. */
const CASELESS = new Set([...UNORDERED, 'x-requested-with', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-dest'])

/** Field names of `Vary`, in lower case, sorted. */
export const varyNames = (field: string | string[] | undefined): string[] =>
  field === undefined ? [] : [...new Set(fieldNames(String(field)))].sort()

/** The normalised value of a request header, for comparison (RFC 9111, section 4.1). */
export function selectingValue(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  if (value === undefined) return null
  const text = typeof value === 'string' ? value : value.join(',')
  // the usual case: one plain value
  if (!CASELESS.has(name) && !/[\s,"]/.test(text)) return text
  // a comma within quotes separates nothing: no splitting
  if (text.includes('"')) return text.trim()
  const members = (CASELESS.has(name) ? text.toLowerCase() : text)
    .split(',')
    .map((member) => tight(member))
    .filter((member) => member !== '')
  return (UNORDERED.has(name) ? members.sort() : members).join(',')
}

/**
 * A member without the spaces around `;` and `=`. Splits, because a regular expression would scan a run of spaces again
 * from each space.
 */
const tight = (member: string): string =>
  member
    .split(/([;=])/)
    .map((part) => part.trim())
    .join('')

/** The `Vary` fields of a response, with the request's values. */
export const selectedBy = (
  field: string | string[] | undefined,
  request: IncomingHttpHeaders,
): (readonly [string, string | null])[] =>
  varyNames(field).map((name) => [name, selectingValue(request, name)] as const)

/** Whether `Vary` lets a stored response answer this request (RFC 9111, section 4.1). */
export function isSelected(
  { vary, headers }: Pick<StoredResponse, 'vary' | 'headers'>,
  request: IncomingHttpHeaders,
): boolean {
  for (const [name, value] of vary) {
    if (selectingValue(request, name) === value) continue
    if (name === 'accept-language' && prefersLanguage(request['accept-language'], headers['content-language'])) continue
    return false
  }
  return true
}

/**
 * Whether the response is in the language that the request prefers: the upstream would choose it again. A cache may
 * match by the semantics of a field (RFC 9111, section 4.1).
 */
function prefersLanguage(accepted: string | undefined, language: string | string[] | undefined): boolean {
  if (accepted === undefined || typeof language !== 'string' || language.includes(',')) return false
  let best = ''
  let most = 0
  for (const member of accepted.toLowerCase().split(',')) {
    const [range = '', ...parameters] = member.split(';').map((part) => part.trim())
    const weight = parameters
      .map((parameter) => /^q\s*=\s*(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)$/.exec(parameter)?.[1])
      .find((q) => q !== undefined)
    const q = weight === undefined ? 1 : Number(weight)
    // two languages of equal weight: the upstream chooses
    if (q === most) best = ''
    if (q > most) [best, most] = [range, q]
  }
  return best !== '' && best === language.trim().toLowerCase()
}
