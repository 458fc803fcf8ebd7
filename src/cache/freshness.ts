import type { IncomingHttpHeaders } from 'node:http'
import {
  deltaSeconds,
  NO_DIRECTIVES,
  secondsOf,
  parseHttpDate,
  type ControlOfResponse,
  type Directives,
} from './cache-control.ts'
import type { StoredHead } from './stored-response.ts'

type Times = Pick<StoredHead, 'initialAge' | 'storedAt' | 'lifetime'>

/** Age in seconds of a stored response (RFC 9111, section 4.2.3). @param now  milliseconds since 1970 */
export const currentAge = ({ initialAge, storedAt }: Omit<Times, 'lifetime'>, now: number): number =>
  initialAge + Math.max(0, now - storedAt) / 1000

/** Seconds for which a stored response is still fresh; negative: since when it has been stale. */
export const freshFor = (stored: Times, now: number): number => stored.lifetime - currentAge(stored, now)

/**
 * What a cache may do with a stored response: `use` it, `use-and-revalidate` it in the background, or `validate` it
 * with the upstream first.
 */
export type Reuse = 'use' | 'use-and-revalidate' | 'validate'

/**
 * Whether a stored response may be used without asking the upstream (RFC 9111, section 4; stale-while-revalidate:
 * RFC 5861, section 3).
 * @param request  directives of the request, which may demand more or accept less (section 5.2.1)
 * @param now      milliseconds since 1970
 */
export function reuseOf(stored: StoredHead, request: Directives, now: number): Reuse {
  if (stored.mustValidate || request.has('no-cache')) return 'validate'
  const left = freshFor(stored, now)
  const maxAge = secondsOf(request, 'max-age')
  if (maxAge !== undefined && currentAge(stored, now) > maxAge) return 'validate'
  if (left > (secondsOf(request, 'min-fresh') ?? 0)) return 'use'
  // the client asks for more freshness than there is, or the response must not be used stale
  if (left > 0 || stored.neverStale || request.has('min-fresh')) return 'validate'
  const maxStale = request.get('max-stale')
  // without a value, any staleness is accepted
  if (maxStale !== undefined && -left <= (maxStale === null ? Infinity : (deltaSeconds(maxStale) ?? 0))) return 'use'
  return stored.staleWhileRevalidate > 0 && -left <= stored.staleWhileRevalidate && maxAge === undefined
    ? 'use-and-revalidate'
    : 'validate'
}

/** Whether it may be used without asking the upstream, for a request without directives. */
export const isReusable = (stored: StoredHead, now: number): boolean =>
  reuseOf(stored, NO_DIRECTIVES, now) !== 'validate'

/** Whether it may be sent in place of an upstream error (stale-if-error: RFC 5861, section 4). */
export function isUsableOnError(stored: StoredHead, request: Directives, now: number): boolean {
  const most = Math.max(stored.staleIfError, secondsOf(request, 'stale-if-error') ?? 0)
  return most > 0 && !stored.mustValidate && !stored.neverStale && -freshFor(stored, now) <= most
}

/** Statuses that count as an upstream error there; those above 599 are read as 500 (RFC 9110, section 15). */
export const isUpstreamError = (status: number): boolean =>
  status > 599 || status === 500 || status === 502 || status === 503 || status === 504

/** Statuses with a heuristic lifetime (RFC 9110, section 15.1). 206 has rules of its own. */
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
/** Share of the time since the last change (RFC 9111, section 4.2.2). */
const HEURISTIC_SHARE = 0.1
/** Longest heuristic lifetime, in seconds. */
const MOST_HEURISTIC = 24 * 3600

/** Whether a response with this status may be stored though it states no lifetime. */
export const isHeuristicallyCacheable = (status: number): boolean => HEURISTIC.has(status)

/** Whether the response states its own lifetime. */
export const hasExplicitFreshness = (
  headers: IncomingHttpHeaders,
  { directives, targeted }: ControlOfResponse,
): boolean => directives.has('s-maxage') || directives.has('max-age') || (!targeted && headers.expires !== undefined)

/**
 * How long a response is fresh in a shared cache (RFC 9111, section 4.2.1).
 * @param cameAt  when it arrived, in milliseconds since 1970
 * @returns seconds; 0 when it is never fresh
 */
export function freshnessLifetime(
  status: number,
  headers: IncomingHttpHeaders,
  control: ControlOfResponse,
  cameAt: number,
): number {
  const { directives, targeted } = control
  const stated = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  if (stated !== undefined) return stated
  const date = parseHttpDate(headers.date, cameAt) ?? cameAt
  if (!targeted && headers.expires !== undefined) {
    // an invalid date, above all "0", means already expired (RFC 9111, section 5.3)
    const expires = parseHttpDate(headers.expires, cameAt)
    return expires === undefined ? 0 : Math.max(0, (expires - date) / 1000)
  }
  if (!HEURISTIC.has(status) && !directives.has('public')) return 0
  const changed = parseHttpDate(headers['last-modified'], cameAt)
  return changed === undefined || changed > date
    ? 0
    : Math.min(((date - changed) / 1000) * HEURISTIC_SHARE, MOST_HEURISTIC)
}

/** `Age` in seconds: the first member counts, and 0 stands for an invalid one (RFC 9111, section 5.1). */
export function parseAge(field: string | string[] | undefined): number {
  if (field === undefined) return 0
  return deltaSeconds(String(field).split(',', 1)[0]!.trim()) ?? 0
}

/**
 * The age in seconds of a response when it arrived (RFC 9111, section 4.2.3: corrected_initial_age).
 * @param sentAt  when the request was sent, in milliseconds since 1970
 * @param cameAt  when the response arrived
 */
export function initialAge(headers: IncomingHttpHeaders, sentAt: number, cameAt: number): number {
  const date = parseHttpDate(headers.date, cameAt) ?? cameAt
  const apparent = Math.max(0, (cameAt - date) / 1000)
  const delay = Math.max(0, cameAt - sentAt) / 1000
  return Math.max(apparent, parseAge(headers.age) + delay)
}
