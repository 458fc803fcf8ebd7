import { gatehouseError, type GatehouseError } from '../errors.ts'

const REALM = 'Bearer realm="gatehouse"'

/** No bearer credentials were sent: nothing is said about an error (RFC 6750, section 3.1). */
export const missingToken = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', { headers: { 'www-authenticate': REALM } })

/**
 * The token is no good (RFC 6750, section 3.1).
 * @param description  why, in words that tell an attacker nothing; without quotes and backslashes
 * @param cause        the real reason, for the log alone
 */
export const invalidToken = (description: string, cause?: unknown): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: `The token is not valid: ${description}. Send a valid bearer token in the Authorization header.`,
    headers: { 'www-authenticate': `${REALM}, error="invalid_token", error_description="${description}"` },
    cause,
  })

/** The token is good, but not for this (RFC 6750, section 3.1). */
export const insufficientScope = (scopes: readonly string[]): GatehouseError =>
  gatehouseError('GW_FORBIDDEN', {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scopes.join(' ')}"` },
  })
