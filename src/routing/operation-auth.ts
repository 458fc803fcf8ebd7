import type { AuthDeclaration, SchemeName, SchemeUse } from '../auth/auth-schema.ts'
import type { ApiSettings } from '../openapi/api-declaration-schema.ts'
import type { ApiOperation } from '../schema/types.ts'

/**
 * Who may call an operation, as its document says in the words of the mapping.
 * @param isOpen  whether those who bring no credentials are let in where the document asks for none; it alone opens
 *   nothing
 * @param say     told of security that the gateway has no word for
 * @returns undefined when upstream and gateway have to say it
 */
export function operationAuth(
  { security }: ApiOperation,
  { security: mapping, unsecured }: ApiSettings,
  isOpen: boolean,
  say: (message: string) => void,
): AuthDeclaration | undefined {
  if (mapping === undefined) return undefined
  const stated = (security ?? []).filter((requirement) => Object.keys(requirement).length > 0)
  // nothing is asked for, or it may be left out altogether
  if (stated.length === 0) return unsecured
  const unknown = stated
    .flatMap((requirement) => Object.keys(requirement))
    .filter((name) => !Object.hasOwn(mapping, name))
  if (unknown.length > 0) {
    say(
      `the document asks for ${[...new Set(unknown)].map((name) => `"${name}"`).join(' and ')}, of which openapi.security says nothing: map it to a scheme of the gateway (there are: ${Object.keys(mapping).join(', ') || 'none'})`,
    )
    return undefined
  }
  const uses = stated.map((requirement) =>
    Object.entries(requirement).map(([name, scopes]) => schemeUse(mapping[name]!, scopes)),
  )
  const isOptional = isOpen && stated.length < security!.length
  if (uses.every((all) => all.length === 1)) {
    const any = uses.map(([use]) => use!)
    return isOptional ? { optional: any } : any
  }
  if (uses.length === 1 && !isOptional) return { all: uses[0]! }
  say(
    'the document lets one of several combinations of schemes suffice, for which the gateway has no word: state "auth" on a route of this method and path',
  )
  return undefined
}

/** The use of a scheme with the scopes of an operation added. */
function schemeUse(use: SchemeUse, scopes: readonly string[]): SchemeUse {
  const [[scheme, requirement]] = Object.entries(use) as [[SchemeName, NonNullable<SchemeUse[SchemeName]>]]
  const all = [...new Set([...(requirement.scopes ?? []), ...scopes])]
  return { [scheme]: { ...requirement, ...(all.length > 0 ? { scopes: all } : {}) } }
}
