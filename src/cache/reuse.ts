import { type Directives, deltaSeconds, NO_DIRECTIVES, secondsOf } from './cache-control.ts'
import type { StoredHead } from './storable-response.ts'
import { currentAge, freshFor, type StoredResponse } from './stored-response.ts'

/** `use` it, use it and validate it `behind` the client's back, or `validate` it first. */
export type Reuse = 'use' | 'behind' | 'validate'

/**
 * Whether a stored response may be used without asking the upstream (RFC 9111, section 4).
 * @param request  directives of the request, which may ask for more or for less (section 5.2.1)
 * @param now      milliseconds since 1970
 */
export function reuseOf(stored: StoredHead, request: Directives, now: number): Reuse {
  if (stored.mustValidate || request.has('no-cache')) return 'validate'
  const left = freshFor(stored, now)
  const most = secondsOf(request, 'max-age')
  if (most !== undefined && currentAge(stored, now) > most) return 'validate'
  if (left > (secondsOf(request, 'min-fresh') ?? 0)) return 'use'
  if (left > 0 || stored.neverStale) return 'validate'
  // a client that asks for a fresh one gets no stale one
  if (request.has('min-fresh')) return 'validate'
  if (
    request.has('max-stale') &&
    -left <= (deltaSeconds(request.get('max-stale')!) ?? (request.get('max-stale') === null ? Infinity : 0))
  ) {
    return 'use'
  }
  return stored.staleWhileRevalidate > 0 && -left <= stored.staleWhileRevalidate && most === undefined
    ? 'behind'
    : 'validate'
}

/** Whether it may be used without asking the upstream, for a request that asks for nothing of its own. */
export const isReusable = (stored: StoredHead, now: number): boolean =>
  reuseOf(stored, NO_DIRECTIVES, now) !== 'validate'

/** Whether it may stand in for an upstream that fails (RFC 5861, section 4). */
export const mayStandIn = (stored: StoredResponse, request: Directives, now: number): boolean => {
  const most = Math.max(stored.staleIfError, secondsOf(request, 'stale-if-error') ?? 0)
  return most > 0 && !stored.mustValidate && !stored.neverStale && -freshFor(stored, now) <= most
}

/**
 * Statuses of an upstream for which a stored response may stand in; those above 599 are read as 500 (RFC 9110, section
 * 15).
 */
export const isUpstreamError = (status: number): boolean =>
  status > 599 || status === 500 || status === 502 || status === 503 || status === 504
