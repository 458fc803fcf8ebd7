import type { AuthRequest } from './scheme.ts'

/** Where a credential that is a single text may stand. */
export interface CredentialSource {
  /** In small letters. */
  header?: string
  query?: string
  cookie?: string
}

/**
 * The credential of a request.
 * @returns undefined when it has none in any of the places; `''`, which is never valid, when it has several, so that
 *   nobody can think that another one counts
 */
export function credentialFrom(
  { header, query, cookie }: CredentialSource,
  { headers, raw: { url = '' } }: AuthRequest,
): string | undefined {
  const value = header === undefined ? undefined : headers[header]
  // the usual way, which costs no list
  if (query === undefined && cookie === undefined && !Array.isArray(value)) return value
  const found = value === undefined ? [] : [value].flat()
  const at = query === undefined ? -1 : url.indexOf('?')
  if (at !== -1) found.push(...new URLSearchParams(url.slice(at + 1)).getAll(query!))
  if (cookie !== undefined && headers.cookie !== undefined) found.push(...cookiesOf(headers.cookie, cookie))
  return found.length > 1 ? '' : found[0]
}

/** Every value of a cookie (RFC 6265, section 5.4). */
function cookiesOf(text: string, name: string): string[] {
  return text
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
}
