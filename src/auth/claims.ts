import type { Consumer, SchemeName } from './auth-schema.ts'

/**
 * Claims that may hold the id of the consumer, in this order; machine tokens often lack `sub`. The first that is
 * present decides, even if its value is unusable: falling back from an odd `sub` to `client_id` would merge all users
 * of a client into one consumer.
 */
const ID_CLAIMS = ['sub', 'client_id', 'azp']
const GROUP_CLAIMS = ['groups', 'roles']
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes']

/** Other claims to read the consumer from: names, or paths with dots. */
export interface ClaimPaths {
  id?: string
  scopes?: string
  groups?: string
}

/**
 * The consumer that verified claims describe; null when they have no id. It is deeply frozen, since every request with
 * the same token gets the same object.
 * @param idPrefix  put before the id, so that ids of several issuers cannot be the same
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
 * Scopes as text (RFC 8693, section 4.2) or as a list. An item with a space counts as two scopes, as it would once the
 * scopes are joined with spaces.
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
 * Finds a claim by its name, or by a path of names with dots between.
 * @param claim  the whole text, which wins as a name: `https://example.com/org` is one name
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

/** What an entry of the configuration gives to its consumer. */
export interface Grants {
  scopes?: readonly string[]
  groups?: readonly string[]
}

/** A consumer that the configuration names. It is frozen, since all its requests share it. */
export const configuredConsumer = (
  id: string,
  scheme: SchemeName,
  claims: Record<string, unknown>,
  { scopes = [], groups = [] }: Grants = {},
): Consumer =>
  Object.freeze({
    id,
    scheme,
    scopes: Object.freeze([...scopes]),
    groups: Object.freeze([...groups]),
    claims: Object.freeze(claims),
  })
