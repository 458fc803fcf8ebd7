import { gatehouseError, type GatehouseError } from '../errors.ts'

const REALM = 'Bearer realm="gatehouse"'

/** No credentials were sent: nothing is said about an error (RFC 6750, section 3.1). */
export const missingToken = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', { headers: { 'www-authenticate': REALM } })

/** @param description  why, in words that tell an attacker nothing */
export const invalidToken = (description: string, cause?: unknown): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: `The token is not valid: ${description}. Send a valid bearer token in the Authorization header.`,
    headers: { 'www-authenticate': `${REALM}, error="invalid_token", error_description="${description}"` },
    cause,
  })

export const insufficientScope = (scopes: readonly string[]): GatehouseError =>
  gatehouseError('GW_FORBIDDEN', {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scopes.join(' ')}"` },
  })
