import type { IncomingHttpHeaders } from 'node:http'
import { initialAge } from './age.ts'
import { partOf } from './byte-range.ts'
import { secondsOf } from './cache-control.ts'
import type { CachePolicy } from './cache-policy.ts'
import { freshnessLifetime } from './freshness.ts'
import { freshenedHeaders, keptHeaders } from './stored-headers.ts'
import type { StoredHeaders, StoredResponse } from './stored-response.ts'
import type { StoringRequest } from './storing-rules.ts'
import { type ControlOfResponse, OWN_CONTROL } from './targeted-control.ts'
import { canBeValidated } from './validators.ts'
import { selectedBy } from './vary.ts'

/** An answer of the upstream. */
export interface UpstreamAnswer {
  status: number
  /** As they came. */
  headers: IncomingHttpHeaders
  /** As clients get them. */
  publicHeaders: StoredHeaders
  control: ControlOfResponse
  /** When the request was sent and the answer came, in milliseconds since 1970. */
  sentAt: number
  cameAt: number
}

/** What is known of a response once its head has come: all but its body. */
export type StoredHead = Omit<StoredResponse, 'body' | 'part'>

/** Most tags of one response, and the longest. */
const MOST_TAGS = 100
const LONGEST_TAG = 200

/** What is stored of a response, before its body. @param request  headers of the request that it answers */
export function storedHead(
  answer: UpstreamAnswer,
  policy: CachePolicy,
  request: IncomingHttpHeaders,
  { isAuthenticated, hasCookies }: StoringRequest,
): StoredHead {
  const { status, headers, publicHeaders, control } = answer
  const vary = policy.vary.length === 0 ? headers.vary : [...[headers.vary ?? []].flat(), ...policy.vary].join(',')
  const kept = keptHeaders(publicHeaders, control)
  const own = headers[OWN_CONTROL]
  if (own !== undefined) kept[OWN_CONTROL] = own
  return {
    status,
    headers: vary === headers.vary ? kept : { ...kept, vary: vary! },
    // one body serves all clients
    vary: policy.wantsIdentity
      ? selectedBy(vary, request).filter(([name]) => name !== 'accept-encoding')
      : selectedBy(vary, request),
    ...timesOf(answer, policy),
    askedWith: { credentials: isAuthenticated, cookies: hasCookies },
    tags: [...new Set([...policy.tags, ...tagsOf(headers)])],
  }
}

/** A stored response after a 304, or after the head of a 200 (RFC 9111, sections 4.3.4 and 4.3.5). */
export const freshened = (stored: StoredResponse, answer: UpstreamAnswer, policy: CachePolicy): StoredResponse => {
  const news = keptHeaders(answer.publicHeaders, answer.control)
  const own = answer.headers[OWN_CONTROL]
  if (own !== undefined) news[OWN_CONTROL] = own
  const headers = freshenedHeaders(stored.headers, news)
  // what it says about freshness is said by the fields as they stand now
  const merged = { ...headers, date: answer.headers.date, age: answer.headers.age } as IncomingHttpHeaders
  const control = policy.controlOf(stored.status, merged)
  return { ...stored, headers, ...timesOf({ ...answer, status: stored.status, headers: merged, control }, policy) }
}

function timesOf({ status, headers, control, sentAt, cameAt }: UpstreamAnswer, policy: CachePolicy) {
  const { directives } = control
  return {
    storedAt: cameAt,
    initialAge: initialAge(headers, sentAt, cameAt),
    lifetime: policy.ttlOf(status, headers, control) ?? freshnessLifetime(status, headers, control, cameAt),
    // with field names it is about these fields only (RFC 9111, section 5.2.2.4)
    mustValidate: directives.has('no-cache') && !directives.get('no-cache'),
    // s-maxage says it too (section 5.2.2.10)
    neverStale: directives.has('must-revalidate') || directives.has('proxy-revalidate') || directives.has('s-maxage'),
    staleWhileRevalidate: secondsOf(directives, 'stale-while-revalidate') ?? 0,
    staleIfError: secondsOf(directives, 'stale-if-error') ?? policy.grace,
    isPublic: directives.has('public'),
  }
}

/**
 * Whether anything can ever be done with it once it is stored: used as it is, validated, or used stale where that is
 * allowed.
 */
export function isOfUse({
  headers,
  mustValidate,
  neverStale,
  lifetime,
  initialAge,
  staleIfError,
  staleWhileRevalidate,
}: StoredHead): boolean {
  if (canBeValidated(headers)) return true
  return !mustValidate && initialAge - lifetime < (neverStale ? 0 : Math.max(staleIfError, staleWhileRevalidate))
}

/**
 * Puts the body to its head.
 * @returns null when they do not belong together
 */
export function withBody(head: StoredHead, body: Buffer, headers: IncomingHttpHeaders): StoredResponse | null {
  const length = headers['content-length']
  // what broke off is no response (RFC 9111, section 3.3)
  if (length !== undefined && Number(length) !== body.byteLength) return null
  const part = head.status === 206 ? partOf(headers, body.byteLength) : null
  if (head.status === 206 && part === null) return null
  return { ...head, body, part }
}

/** `Cache-Tag` has commas between tags, `Surrogate-Key` spaces. */
function tagsOf({ 'cache-tag': tags, 'surrogate-key': keys }: IncomingHttpHeaders): string[] {
  return [...String(tags ?? '').split(','), ...String(keys ?? '').split(/\s+/)]
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '' && tag.length <= LONGEST_TAG)
    .slice(0, MOST_TAGS)
}

/** A body in memory of its own: pieces are views of what was read at once, of which they would keep all. */
export function inOwnMemory(chunks: readonly Buffer[], length: number): Buffer {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  return body
}
