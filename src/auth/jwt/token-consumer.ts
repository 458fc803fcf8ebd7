import type { Consumer } from '../auth-schema.ts'

/**
 * Claims by which a token may say whose it is, in this order: machine tokens often lack `sub`. The first that is there
 * decides: falling back from a strange `sub` would make all users of a client one consumer.
 */
const ID_CLAIMS = ['sub', 'client_id', 'azp']
const GROUP_CLAIMS = ['groups', 'roles']
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes']

/**
 * Who the verified claims speak for; null when they do not say. It is frozen through and through, since every request
 * with the same token gets the same object.
 */
export function consumerOf (claims: Record<string, unknown>): Consumer | null {
  const id = ID_CLAIMS.map((claim) => claims[claim]).find((value) => value !== undefined)
  if (typeof id !== 'string' || id === '') return null
  return frozen({ id, scheme: 'jwt' as const, scopes: scopesOf(claims), groups: groupsOf(claims), claims })
}

/** Scopes as text (RFC 8693, section 4.2) or as a list. One with a space in it would be two to the next reader, so it is two here. */
function scopesOf (claims: Record<string, unknown>): string[] {
  const value = SCOPE_CLAIMS.map((claim) => claims[claim]).find((scopes) => scopes !== undefined)
  return [value].flat().flatMap((scopes) => typeof scopes === 'string' ? scopes.split(' ') : []).filter((scope) => scope !== '')
}

/** Groups or roles, as providers list them. */
function groupsOf (claims: Record<string, unknown>): string[] {
  const value = GROUP_CLAIMS.map((claim) => claims[claim]).find((groups) => groups !== undefined)
  return [value].flat().filter((group): group is string => typeof group === 'string' && group !== '')
}

function frozen<T extends object> (value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}
