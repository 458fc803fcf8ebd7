import type { Consumer, SchemeName } from './auth-schema.ts'

/**
 * Claims by which a token may say whose it is, in this order: machine tokens often lack `sub`. The first that is there
 * decides: falling back from a strange `sub` would make all users of a client one consumer.
 */
const ID_CLAIMS = ['sub', 'client_id', 'azp']
const GROUP_CLAIMS = ['groups', 'roles']
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes']

/** Where else the consumer stands in the claims: names, or paths with dots. */
export interface ClaimPaths {
  id?: string
  scopes?: string
  groups?: string
}

/**
 * Who the verified claims speak for; null when they do not say. It is frozen through and through, since every request
 * with the same token gets the same object.
 * @param idPrefix  put before the id, where ids of several issuers could be the same
 */
export function consumerOf(
  claims: Record<string, unknown>,
  scheme: SchemeName = 'jwt',
  paths: ClaimPaths = {},
  idPrefix = '',
): Consumer | null {
  const find = (path: string | undefined, usual: readonly string[]): unknown =>
    path === undefined
      ? usual.map((claim) => claims[claim]).find((value) => value !== undefined)
      : claimAt(claims, path, path.split('.'))
  const id = find(paths.id, ID_CLAIMS)
  if (typeof id !== 'string' || id === '') return null
  return frozen({
    id: idPrefix + id,
    scheme,
    scopes: scopesOf(find(paths.scopes, SCOPE_CLAIMS)),
    groups: groupsOf(find(paths.groups, GROUP_CLAIMS)),
    claims,
  })
}

/**
 * Scopes as text (RFC 8693, section 4.2) or as a list. One with a space in it would be two to the next reader, so it is
 * two here.
 */
const scopesOf = (value: unknown): string[] =>
  [value]
    .flat()
    .flatMap((scopes) => (typeof scopes === 'string' ? scopes.split(' ') : []))
    .filter((scope) => scope !== '')

/** Groups or roles, as providers list them. */
const groupsOf = (value: unknown): string[] =>
  [value].flat().filter((group): group is string => typeof group === 'string' && group !== '')

function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}

/**
 * A claim by its name, or by a path of names with dots between.
 * @param claim  the whole name, which is looked for first: `https://example.com/org` is one name
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, claim: string, path: readonly string[]): unknown {
  if (Object.hasOwn(claims, claim)) return claims[claim]
  let value: unknown = claims
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
