import { isObject, type SchemaObject } from '../../schema/json-schema.ts'
import { followReference } from '../local-reference.ts'
import type { ApiDocument, ApiOperation } from '../../schema/types.ts'

/** Credentials that suffice together: what identifies a scheme, to the scopes that it needs. */
type Alternative = ReadonlyMap<string, readonly string[]>

/** What an operation asks for, each alternative in words and by what its schemes are, not by how they are called. */
function alternatives({ root }: ApiDocument, { security }: ApiOperation): Alternative[] {
  // without a word on security, and with an empty list, everybody may call
  if (security === null || security.length === 0) return [new Map()]
  return security.map(
    (requirement) => new Map(Object.entries(requirement).map(([name, scopes]) => [identity(root, name), scopes])),
  )
}

function identity(root: SchemaObject, name: string): string {
  const schemes: unknown = root.components?.securitySchemes
  const scheme =
    isObject(schemes) && Object.hasOwn(schemes, name) ? followReference(root, schemes[name], '')?.object : undefined
  if (scheme === undefined) return `scheme ${name}`
  const { type, scheme: kind, in: place, name: key, openIdConnectUrl } = scheme
  return [
    type,
    typeof kind === 'string' ? kind.toLowerCase() : undefined,
    place,
    place === 'header' ? String(key).toLowerCase() : key,
    openIdConnectUrl,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}

const shown = (alternative: Alternative): string =>
  alternative.size === 0
    ? 'none'
    : [...alternative]
        .map(([scheme, scopes]) => (scopes.length === 0 ? scheme : `${scheme} with ${scopes.join(', ')}`))
        .join(' and ')

/** Credentials that were enough before and are not any more, in words; null when there are none. */
export function securityChange(
  before: ApiDocument,
  old: ApiOperation,
  after: ApiDocument,
  now: ApiOperation,
): string | null {
  const wanted = alternatives(after, now)
  const refused = alternatives(before, old).find((given) => !wanted.some((needed) => suffices(given, needed)))
  return refused === undefined
    ? null
    : `credentials that were enough are not any more (${shown(refused)}), it takes ${wanted.map(shown).join(', or ')}`
}

const suffices = (given: Alternative, needed: Alternative): boolean =>
  [...needed].every(
    ([scheme, scopes]) => given.has(scheme) && scopes.every((scope) => given.get(scheme)!.includes(scope)),
  )
