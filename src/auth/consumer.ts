import type { Consumer } from './auth-schema.ts'

/** Claims by which a token may say whose it is, in this order; machine tokens often lack `sub`. */
const ID_CLAIMS = ['sub', 'client_id', 'azp']
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes']

/** Who the verified claims speak for; null when they do not say. */
export function consumerOf (claims: Record<string, unknown>): Consumer | null {
  const id = ID_CLAIMS.map((claim) => claims[claim]).find((value) => typeof value === 'string' && value !== '')
  return id === undefined ? null : { id: id as string, scopes: scopesOf(claims), claims }
}

/** Scopes as text (RFC 8693, section 4.2) or as a list. */
function scopesOf (claims: Record<string, unknown>): string[] {
  const value = SCOPE_CLAIMS.map((claim) => claims[claim]).find((scopes) => scopes !== undefined)
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '')
  return Array.isArray(value) ? value.filter((scope) => typeof scope === 'string') : []
}
