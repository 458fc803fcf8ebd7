import type { IncomingHttpHeaders } from 'node:http'
import { secondsOf } from './cache-control.ts'
import { parseHttpDate } from './http-date.ts'
import type { ControlOfResponse } from './targeted-control.ts'

/** Statuses that may be taken for fresh though nobody says so (RFC 9110, section 15.1). 206 has rules of its own. */
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
/** Share of the time since the last change (RFC 9111, section 4.2.2). */
const HEURISTIC_SHARE = 0.1
/** Seconds; past it, a `Warning` was once asked for. */
const MOST_HEURISTIC = 24 * 3600

/** Whether the status alone lets a cache store a response without a word on its freshness. */
export const isHeuristicallyCacheable = (status: number): boolean => HEURISTIC.has(status)

/** Whether the response itself says how long it is fresh. */
export const hasExplicitFreshness = (
  headers: IncomingHttpHeaders,
  { directives, targeted }: ControlOfResponse,
): boolean => directives.has('s-maxage') || directives.has('max-age') || (!targeted && headers.expires !== undefined)

/**
 * How long a response is fresh in a shared cache (RFC 9111, section 4.2.1).
 * @param cameAt  when it came, in milliseconds since 1970
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
    // what is no date lies in the past, "0" above all (RFC 9111, section 5.3)
    const expires = parseHttpDate(headers.expires, cameAt)
    return expires === undefined ? 0 : Math.max(0, (expires - date) / 1000)
  }
  if (!HEURISTIC.has(status) && !directives.has('public')) return 0
  const changed = parseHttpDate(headers['last-modified'], cameAt)
  return changed === undefined || changed > date
    ? 0
    : Math.min(((date - changed) / 1000) * HEURISTIC_SHARE, MOST_HEURISTIC)
}
