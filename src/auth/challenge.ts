import { gatehouseError, type GatehouseError } from '../errors.ts'

/** The challenge of bearer tokens (RFC 6750, section 3). */
export const BEARER_CHALLENGE = 'Bearer realm="gatehouse"'

/** No bearer token was sent: the challenge has no error code then (RFC 6750, section 3.1). */
export const missingToken = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', { headers: { 'www-authenticate': BEARER_CHALLENGE } })

/**
 * The token is not valid (RFC 6750, section 3.1).
 * @param description  why, in words that do not help an attacker; without quotes and backslashes
 * @param cause        the real reason, only for the log
 */
export const invalidToken = (description: string, cause?: unknown): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: `The token is not valid: ${description}. Send a valid one.`,
    headers: { 'www-authenticate': `${BEARER_CHALLENGE}, error="invalid_token", error_description="${description}"` },
    cause,
  })

/**
 * The request has no credentials that the route accepts.
 * @param challenges  those of its schemes; a client picks one that it supports (RFC 9110, section 11.6.1)
 */
export const missingCredentials = (challenges: readonly string[], detail?: string): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail,
    headers: challenges.length > 0 ? { 'www-authenticate': challenges.join(', ') } : undefined,
  })

/**
 * The credentials are valid, but do not suffice for this route (RFC 6750, section 3.1 for bearer tokens). Missing
 * scopes are named, since a client can request them; groups and claims are not.
 * @param challenge  that of the scheme, if it has one
 * @param scopes     scopes that the route requires
 * @param held       scopes of the consumer
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
 * The credentials cannot be checked at the moment, so the request is refused with 503.
 * @param cause  the real reason, only for the log
 */
export const authUnavailable = (cause?: unknown): GatehouseError =>
  gatehouseError('GW_AUTH_UNAVAILABLE', { headers: { 'retry-after': '1' }, cause })
