import type { AuthRequest, AuthScheme, CredentialPlaces } from './scheme.ts'
import { authForm, type AuthDeclaration, type SchemeName } from './auth-schema.ts'

/** The places where a credential that is one text may be. */
export interface CredentialSource {
  /** In lower case. */
  header?: string
  query?: string
  cookie?: string
}

/**
 * The credential of a request.
 * @returns undefined when none of the places has one; `''`, which is never valid, when there are several, since the
 *   upstream might read another one than the gateway
 */
export function credentialFrom(
  { header, query, cookie }: CredentialSource,
  { headers, raw: { url = '' } }: AuthRequest,
): string | undefined {
  const value = header === undefined ? undefined : headers[header]
  // the common case: one header, without making a list
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

/**
 * Whether a header occurs more than once. Of some, such as `Authorization`, Node keeps only the first, while the
 * upstream may read the last.
 * @param name  in lower case
 */
export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // comparing the length first avoids lower-casing nearly every name
    if (rawHeaders[i]!.length !== name.length || rawHeaders[i]!.toLowerCase() !== name) continue
    if (seen) return true
    seen = true
  }
  return false
}

/** Every place where the schemes of a route look for credentials; null for a route without authentication. */
export function credentialPlaces(
  auth: AuthDeclaration,
  schemes: ReadonlyMap<SchemeName, AuthScheme>,
): Required<CredentialPlaces> | null {
  const { uses } = authForm(auth)
  if (uses.length === 0) return null
  const places = uses.map(({ scheme }) => schemes.get(scheme)?.credentials ?? {})
  const all = (kind: keyof CredentialPlaces): string[] => [...new Set(places.flatMap((place) => place[kind] ?? []))]
  return { headers: all('headers'), cookies: all('cookies'), query: all('query') }
}

/**
 * Whether browsers attach credentials of a route to cross-origin requests in another way than the cookies of
 * `credentialPlaces`.
 */
export const hasAmbient = (auth: AuthDeclaration, schemes: ReadonlyMap<SchemeName, AuthScheme>): boolean =>
  authForm(auth).uses.some(({ scheme }) => schemes.get(scheme)?.isAmbient)

/** Removes cookies from a `Cookie` header (RFC 6265, section 4.2.1); null when none is left. */
export function withoutCookies(header: string, names: readonly string[]): string | null {
  const kept = header.split(';').filter((pair) => !names.includes(pair.split('=', 1)[0]!.trim()))
  return kept.length === 0 ? null : kept.join(';').trim()
}

/** Removes query parameters from a request target; the others stay byte for byte. */
export function withoutParameters(target: string, names: readonly string[]): string {
  const at = target.indexOf('?')
  if (at === -1) return target
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter((pair) => !names.includes(parameterName(pair)))
  return kept.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${kept.join('&')}`
}

/** The decoded name: a service would decode it too. */
function parameterName(pair: string): string {
  const [name] = new URLSearchParams(pair).keys()
  return name ?? ''
}
