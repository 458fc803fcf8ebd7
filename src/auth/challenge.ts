import { gatehouseError, type GatehouseError } from '../errors.ts'

/** The challenge of bearer tokens (RFC 6750, section 3). */
export const BEARER_CHALLENGE = 'Bearer realm="gatehouse"'

/** No bearer credentials were sent: nothing is said about an error (RFC 6750, section 3.1). */
export const missingToken = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', { headers: { 'www-authenticate': BEARER_CHALLENGE } })

/**
 * The token is no good (RFC 6750, section 3.1).
 * @param description  why, in words that tell an attacker nothing; without quotes and backslashes
 * @param cause        the real reason, for the log alone
 */
export const invalidToken = (description: string, cause?: unknown): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: `The token is not valid: ${description}. Send a valid one.`,
    headers: { 'www-authenticate': `${BEARER_CHALLENGE}, error="invalid_token", error_description="${description}"` },
    cause,
  })

/**
 * Nothing of what the route takes was sent.
 * @param challenges  of its schemes; a client uses one that it knows (RFC 9110, section 11.6.1)
 */
export const missingCredentials = (challenges: readonly string[], detail?: string): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail,
    headers: challenges.length > 0 ? { 'www-authenticate': challenges.join(', ') } : undefined,
  })

/**
 * The credentials are valid, but not for this (RFC 6750, section 3.1 for the bearer form). Scopes that are missing are
 * named, since a client can ask for them; groups and claims are not.
 * @param challenge  of the scheme, if it has one
 * @param scopes     those that are required
 * @param held       those of the consumer
 */
export function insufficientScope(
  challenge: string | undefined,
  scopes: readonly string[],
  held: readonly string[],
): GatehouseError {
  const missing = scopes.filter((scope) => !held.includes(scope))
  return gatehouseError('GW_FORBIDDEN', {
    ...(missing.length > 0 ? { detail: lackOf(missing), extensions: { missingScopes: missing } } : {}),
    ...(challenge?.startsWith('Bearer ')
      ? {
          headers: {
            'www-authenticate': `${challenge}, error="insufficient_scope"${scopes.length > 0 ? `, scope="${scopes.join(' ')}"` : ''}`,
          },
        }
      : {}),
  })
}

const lackOf = (scopes: readonly string[]): string =>
  `The credentials are valid but lack the ${scopes.length === 1 ? 'scope' : 'scopes'} ${scopes.map((scope) => `"${scope}"`).join(', ')}, which this route requires: use credentials that have ${scopes.length === 1 ? 'it' : 'them'}.`

/**
 * Nobody can say at this moment whether the credentials are good; nobody is let in on that account.
 * @param cause  the real reason, for the log alone
 */
export const authUnavailable = (cause?: unknown): GatehouseError =>
  gatehouseError('GW_AUTH_UNAVAILABLE', { headers: { 'retry-after': '1' }, cause })
