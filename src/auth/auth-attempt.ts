import { hash } from 'node:crypto'
import type { AuthRequest, AuthScheme } from './scheme.ts'

/** How many times `max` one address may fail at all accounts of a scheme, and one account from all addresses. */
export const SPREAD = 10

/** One look at the credentials of a request. */
export interface AuthAttempt {
  request: AuthRequest
  scheme: AuthScheme
  /** Whose failures it may add to; the last key is that of scheme and address alone. */
  keys: readonly string[]
  /** The most failures that each key may have. */
  bounds: readonly number[]
  /** The account over all addresses; null for schemes without accounts. */
  account: string | null
}

/**
 * What a request counts as when a scheme looks at it.
 * @param client  what addresses of one client have in common
 * @param max     failures that a window allows
 */
export function authAttempt(request: AuthRequest, scheme: AuthScheme, client: string, max: number): AuthAttempt {
  const address = `${scheme.name}:${client}`
  if (scheme.account === undefined) return { request, scheme, keys: [address], bounds: [max], account: null }
  const name = scheme.account(request)
  if (name === null) return { request, scheme, keys: [address], bounds: [max * SPREAD], account: null }
  // a client decides how long a name is
  const digest = hash('sha256', name, 'base64url')
  const account = `${scheme.name}:${digest}`
  return { request, scheme, keys: [`${address}:${digest}`, address], bounds: [max, max * SPREAD], account }
}
