import type { SchemeName } from '../auth/auth-schema.ts'

const ASK = 'Ask the operator of this gateway for one.'

/** Where credentials come from, unless `gateway.yaml` says it: for the "Authorize" dialog of the documentation. */
const HINTS: Partial<Record<SchemeName, string>> = {
  jwt: `A token (JWT), without the word Bearer. ${ASK}`,
  introspection: `An access token, without the word Bearer. ${ASK}`,
  apiKey: `An API key. ${ASK}`,
  basic: 'Name and password of an account. Ask the operator of this gateway for one.',
  clientCertificate: 'The client presents its certificate when it connects: there is nothing to enter here.',
}

/**
 * A Security Scheme Object that says where its credentials come from.
 * @param stated   what `gateway.yaml` says
 * @param issuers  the issuers of the tokens, for those who have to ask one
 */
export function withHint(
  name: SchemeName,
  security: Readonly<Record<string, unknown>>,
  stated: string | undefined,
  issuers: readonly string[] = [],
): object {
  const issued = issuers.length > 0 ? `A token (JWT) of ${issuers.join(' or ')}, without the word Bearer.` : undefined
  const description = stated ?? security.description ?? issued ?? HINTS[name]
  return description === undefined ? security : { ...security, description }
}
