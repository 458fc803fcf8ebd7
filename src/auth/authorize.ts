import type { AuthDeclaration, AuthScheme, Consumer } from './auth-schema.ts'
import { insufficientScope } from './challenge.ts'

/**
 * Lets a known consumer through when one of the declared schemes is content with its scopes.
 * @throws GatehouseError `GW_FORBIDDEN`, with the scopes that the first scheme wants
 */
export function authorize (consumer: Consumer, auth: Exclude<AuthDeclaration, 'none'>): Consumer {
  const schemes = Array.isArray(auth) ? auth : [auth]
  for (const scheme of schemes) if (satisfies(consumer, scheme)) return consumer
  throw insufficientScope(schemes[0]!.jwt.scopes ?? [])
}

function satisfies (consumer: Consumer, { jwt: { scopes } }: AuthScheme): boolean {
  if (scopes === undefined) return true
  for (const scope of scopes) if (!consumer.scopes.includes(scope)) return false
  return true
}
