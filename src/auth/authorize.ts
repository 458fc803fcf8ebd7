import type { AuthDeclaration, Consumer } from './auth-schema.ts'
import { insufficientScope } from './challenge.ts'

/** Returns the consumer when it may pass; throws otherwise. */
export type Authorization = (consumer: Consumer) => Consumer

/**
 * Compiles what a route declares into the check that each request runs: any of the schemes suffices.
 * @returns a check that throws GatehouseError `GW_FORBIDDEN`, with the scopes that the first scheme wants
 */
export function compileAuthorization (auth: Exclude<AuthDeclaration, 'none'>): Authorization {
  const wanted = [auth].flat().map(({ jwt: { scopes = [] } }) => [...scopes])
  if (wanted.some((scopes) => scopes.length === 0)) return (consumer) => consumer
  return (consumer) => {
    for (let i = 0; i < wanted.length; i++) if (hasAll(consumer.scopes, wanted[i]!)) return consumer
    throw insufficientScope(wanted[0]!)
  }
}

function hasAll (held: readonly string[], wanted: readonly string[]): boolean {
  for (let i = 0; i < wanted.length; i++) if (!held.includes(wanted[i]!)) return false
  return true
}
