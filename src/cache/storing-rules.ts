import type { IncomingHttpHeaders } from 'node:http'
import type { Directives } from './cache-control.ts'
import { hasExplicitFreshness, isHeuristicallyCacheable } from './freshness.ts'
import type { ControlOfResponse } from './targeted-control.ts'

/** What the cache knows how to handle; `must-understand` asks for it (RFC 9111, section 5.2.2.3). */
const UNDERSTOOD = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 500, 501, 502, 503, 504,
])

/**
 * Never stored: they answer a range or a condition, which no key holds, or are about one client at one moment (RFC
 * 9110, sections 15.5.8, 15.5.13, 15.5.17 and 15.5.22; RFC 6585).
 */
export const UNSTORABLE: ReadonlySet<number> = new Set([304, 407, 412, 416, 426, 428, 429, 431, 511])

/** Who may have a stored response. */
export type Audience = 'all' | 'same' | 'none'

export interface StoringRequest {
  /** Directives of the request. */
  directives: Directives
  /** Whether the request proves who sends it: a consumer, or `Authorization`. */
  isAuthenticated: boolean
  /** Whether it has cookies that may matter. */
  hasCookies: boolean
  /** Whether the request has a recipient that can be told apart, so that a response may be kept for that one alone. */
  hasConsumer: boolean
}

export interface StoringOptions {
  /** Whether a response without a word on its freshness gets some by configuration. */
  hasTtl: boolean
  /** Whether cookies do not matter. */
  sharesCookies: boolean
}

/**
 * Whether a response may be stored by a shared cache, and for whom (RFC 9111, section 3).
 * A status above 599 is stored for nobody: it is none (RFC 9110, section 15).
 * @returns `all`, `same` for those with the same consumer alone, or `none`
 */
export function audienceOf(
  request: StoringRequest,
  status: number,
  headers: IncomingHttpHeaders,
  control: ControlOfResponse,
  { hasTtl, sharesCookies }: StoringOptions,
): Audience {
  const { directives } = control
  if (status < 200 || status > 599 || UNSTORABLE.has(status) || request.directives.has('no-store')) return 'none'
  const mustUnderstand = directives.has('must-understand')
  if (mustUnderstand && !UNDERSTOOD.has(status)) return 'none'
  // whoever understands the status passes over the no-store beside it (section 5.2.2.3)
  if (directives.has('no-store') && !mustUnderstand) return 'none'
  // with field names it is about these fields only (section 5.2.2.7)
  if (directives.has('private') && !directives.get('private')) return 'none'
  if (headers.vary !== undefined && varyIsAny(headers.vary)) return 'none'
  if (headers['set-cookie'] !== undefined && !sharesCookies && !listsField(directives, 'set-cookie')) return 'none'
  if (
    !hasTtl &&
    !hasExplicitFreshness(headers, control) &&
    !directives.has('public') &&
    !isHeuristicallyCacheable(status)
  ) {
    return 'none'
  }
  if (request.hasCookies && !sharesCookies && !directives.has('public')) return 'none'
  if (!request.isAuthenticated || mayShareAuthenticated(directives)) return 'all'
  return request.hasConsumer ? 'same' : 'none'
}

/** RFC 9111, section 3.5. */
const mayShareAuthenticated = (directives: Directives): boolean =>
  directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')

/** `Vary: *`, which nothing matches (RFC 9111, section 4.1). */
const varyIsAny = (vary: string | string[]): boolean =>
  String(vary)
    .split(',')
    .some((name) => name.trim() === '*')

const listsField = (directives: Directives, name: string): boolean =>
  ['no-cache', 'private'].some((directive) =>
    (directives.get(directive) ?? '')
      .toLowerCase()
      .split(',')
      .some((field) => field.trim() === name),
  )
