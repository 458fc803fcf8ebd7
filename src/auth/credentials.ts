import { authForm, type AuthDeclaration, type SchemeName } from './auth-schema.ts'
import type { AuthScheme, CredentialPlaces } from './scheme.ts'

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
