import type { IncomingHttpHeaders } from 'node:http'
import { partOf } from './byte-range.ts'
import { fieldNames, OWN_CONTROL, secondsOf, type ControlOfResponse, type Directives } from './cache-control.ts'
import type { CachePolicy } from './cache-policy.ts'
import { canBeValidated } from './conditional-request.ts'
import { freshnessLifetime, hasExplicitFreshness, initialAge, isHeuristicallyCacheable } from './freshness.ts'
import { tagsOf } from './purge-index.ts'
import type { StoredHead, StoredHeaders, StoredResponse } from './stored-response.ts'
import { selectedBy } from './vary.ts'

/** Who may have a stored response: `all` clients, those of the `same` owner, or `none`: it is not stored. */
export type Audience = 'all' | 'same' | 'none'

/** What the rules need to know about a request. */
export interface StoringRequest {
  directives: Directives
  /** Whether the request carries a credential, such as `Authorization`. */
  isAuthenticated: boolean
  /** Whether it has cookies that may change the response. */
  hasCookies: boolean
  /** Whether it has an owner, so that a response can be stored for that owner alone. */
  hasOwner: boolean
}

export interface StoringOptions {
  /** Whether the configuration gives a lifetime to a response that states none. */
  hasTtl: boolean
  /** Whether cookies are ignored. */
  sharesCookies: boolean
}

/** Statuses that the cache understands, for `must-understand` (RFC 9111, section 5.2.2.3). */
const UNDERSTOOD = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 500, 501, 502, 503, 504,
])

/**
 * Never stored: they answer a condition or a range, which no key holds, or concern one client at one moment (RFC 9110,
 * sections 15.5.8, 15.5.13, 15.5.17 and 15.5.22; RFC 6585).
 */
const UNSTORABLE: ReadonlySet<number> = new Set([304, 407, 412, 416, 426, 428, 429, 431, 511])

/**
 * Whether a shared cache may store a response, and for whom (RFC 9111, section 3). Statuses above 599 are invalid and
 * not stored (RFC 9110, section 15).
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
  // a cache that understands the status ignores the no-store beside must-understand (section 5.2.2.3)
  if (directives.has('no-store') && !mustUnderstand) return 'none'
  // with field names, it concerns only these fields (section 5.2.2.7)
  if (directives.has('private') && !directives.get('private')) return 'none'
  // `Vary: *` matches no request (section 4.1)
  if (fieldNames(String(headers.vary ?? '')).includes('*')) return 'none'
  if (headers['set-cookie'] !== undefined && !sharesCookies && !credentialRemoval(directives).includes('set-cookie')) {
    return 'none'
  }
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
  return request.hasOwner ? 'same' : 'none'
}

/** RFC 9111, section 3.5. */
const mayShareAuthenticated = (directives: Directives): boolean =>
  directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')

/** The fields that a response excludes from storage: `no-cache="..."`, `private="..."`. */
const credentialRemoval = (directives: Directives): string[] => [
  ...fieldNames(directives.get('no-cache')),
  ...fieldNames(directives.get('private')),
]

/** The upstream's answer to a request of the cache. */
export interface UpstreamAnswer {
  status: number
  /** As received. */
  headers: IncomingHttpHeaders
  /** As clients get them. */
  publicHeaders: StoredHeaders
  control: ControlOfResponse
  /** When the request was sent and the answer arrived, in milliseconds since 1970. */
  sentAt: number
  cameAt: number
}

/** What is stored of a response, all but its body. @param request  headers of the request */
export function storedHead(
  answer: UpstreamAnswer,
  policy: CachePolicy,
  request: IncomingHttpHeaders,
  { isAuthenticated, hasCookies }: StoringRequest,
): StoredHead {
  const { status, headers } = answer
  const vary = policy.vary.length === 0 ? headers.vary : [...[headers.vary ?? []].flat(), ...policy.vary].join(',')
  const stored = storedHeaders(answer)
  const selected = selectedBy(vary, request)
  return {
    status,
    headers: vary === headers.vary ? stored : { ...stored, vary: vary! },
    // the gateway compresses: one stored body serves all clients
    vary: policy.wantsIdentity ? selected.filter(([name]) => name !== 'accept-encoding') : selected,
    ...timesOf(answer, policy),
    askedWith: { credentials: isAuthenticated, cookies: hasCookies },
    tags: [...new Set([...policy.tags, ...tagsOf(headers)])],
  }
}

/** A stored response, updated from a 304 or the head of a 200 (RFC 9111, sections 4.3.4 and 4.3.5). */
export function freshened(stored: StoredResponse, answer: UpstreamAnswer, policy: CachePolicy): StoredResponse {
  const { status } = stored
  const headers: Record<string, string | string[]> = { ...stored.headers }
  const news = storedHeaders(answer)
  for (const name in news) if (!BODY_FIELDS.has(name)) headers[name] = news[name]!
  // the merged fields decide about freshness
  const merged = { ...headers, date: answer.headers.date, age: answer.headers.age } as IncomingHttpHeaders
  const control = policy.controlOf(status, merged)
  return { ...stored, headers, ...timesOf({ ...answer, status, headers: merged, control }, policy) }
}

function timesOf({ status, headers, control, sentAt, cameAt }: UpstreamAnswer, policy: CachePolicy) {
  const { directives } = control
  return {
    storedAt: cameAt,
    initialAge: initialAge(headers, sentAt, cameAt),
    lifetime: policy.ttlOf(status, headers, control) ?? freshnessLifetime(status, headers, control, cameAt),
    // with field names, it concerns only these fields (RFC 9111, section 5.2.2.4)
    mustValidate: directives.has('no-cache') && !directives.get('no-cache'),
    // s-maxage implies it (section 5.2.2.10)
    neverStale: directives.has('must-revalidate') || directives.has('proxy-revalidate') || directives.has('s-maxage'),
    staleWhileRevalidate: secondsOf(directives, 'stale-while-revalidate') ?? 0,
    staleIfError: secondsOf(directives, 'stale-if-error') ?? policy.grace,
    isPublic: directives.has('public'),
  }
}

/** Whether a response can be of use once it is stored: as it is, after a validation, or stale where allowed. */
export function isWorthStoring(head: StoredHead): boolean {
  if (canBeValidated(head.headers)) return true
  const mostStale = head.neverStale ? 0 : Math.max(head.staleIfError, head.staleWhileRevalidate)
  return !head.mustValidate && head.initialAge - head.lifetime < mostStale
}

/**
 * Completes a head with its body.
 * @returns null when the body is incomplete (RFC 9111, section 3.3), or a 206 has no single, known part
 */
export function withBody(head: StoredHead, body: Buffer, headers: IncomingHttpHeaders): StoredResponse | null {
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== body.byteLength) return null
  const part = head.status === 206 ? partOf(headers, body.byteLength) : null
  return head.status === 206 && part === null ? null : { ...head, body, part }
}

/** Fields of one connection, or of one proxy (RFC 9111, section 3.1). */
const NEVER_STORED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'trailer',
  'age',
  'cache-status',
])

/** Describe the stored body. A 304 does not replace them (RFC 9111, section 3.2). */
const BODY_FIELDS = new Set([
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'content-md5',
  'etag',
])

/** Whether a field can be stored. @param name  in lower case */
export const isStorableField = (name: string): boolean => !NEVER_STORED.has(name)

/** The fields of an answer that are stored. */
export function storedHeaders({ headers, publicHeaders, control }: UpstreamAnswer): Record<string, string | string[]> {
  const stored: Record<string, string | string[]> = {}
  const withheld = credentialRemoval(control.directives)
  for (const name in publicHeaders) {
    if (!NEVER_STORED.has(name) && !withheld.includes(name)) stored[name] = publicHeaders[name]!
  }
  const own = headers[OWN_CONTROL]
  if (own !== undefined) stored[OWN_CONTROL] = own
  return stored
}
