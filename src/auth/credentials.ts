import type { AuthRequest, AuthScheme, CredentialPlaces } from './scheme.ts'
import { authForm, type AuthDeclaration, type SchemeName } from './auth-schema.ts'

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

/**
 * Whether a header came more than once. Of some, such as `Authorization`, Node keeps the first only, and whoever reads
 * the message after it may go by the last.
 * @param name  in small letters
 */
export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // the length first: it spares the copy in small letters of nearly every name
    if (rawHeaders[i]!.length !== name.length || rawHeaders[i]!.toLowerCase() !== name) continue
    if (seen) return true
    seen = true
  }
  return false
}

/** Every place where the schemes of a route look for credentials; null for an open route. */
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
 * Whether browsers add credentials of a route to the requests of any page, other than in the cookies of
 * `credentialPlaces`.
 */
export const hasAmbient = (auth: AuthDeclaration, schemes: ReadonlyMap<SchemeName, AuthScheme>): boolean =>
  authForm(auth).uses.some(({ scheme }) => schemes.get(scheme)?.isAmbient)

/** A `Cookie` header without some cookies (RFC 6265, section 4.2.1); null when none is left. */
export function withoutCookies(header: string, names: readonly string[]): string | null {
  const kept = header.split(';').filter((pair) => !names.includes(pair.split('=', 1)[0]!.trim()))
  return kept.length === 0 ? null : kept.join(';').trim()
}

/** A target without some parameters of its query; what is left stays as it came. */
export function withoutParameters(target: string, names: readonly string[]): string {
  const at = target.indexOf('?')
  if (at === -1) return target
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter((pair) => !names.includes(parameterName(pair)))
  return kept.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${kept.join('&')}`
}

/** The name as a service reads it, however it is encoded. */
function parameterName(pair: string): string {
  const [name] = new URLSearchParams(pair).keys()
  return name ?? ''
}
