import type { IncomingHttpHeaders } from 'node:http'
import { parseHttpDate } from './cache-control.ts'
import { type StoredHeaders, type StoredResponse, storedValue } from './stored-response.ts'

// one class for all separators, so that a run of spaces is scanned once
const ENTITY_TAG = /[\s,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"|[^",\s]+)\s*(?:,|$)/gy

/** Weak comparison of entity tags: the content is equivalent (RFC 9110, section 8.8.3.2). */
export const matchesWeakly = (a: string, b: string): boolean => opaque(a) === opaque(b)

/** Strong comparison: the bytes are the same. */
export const matchesStrongly = (a: string, b: string): boolean => a === b && !a.startsWith('W/')

const opaque = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag)

/** Whether `If-None-Match` lists a tag. */
function listHas(field: string, tag: string | undefined): boolean {
  if (field.trim() === '*') return true
  if (tag === undefined) return false
  return field.matchAll(ENTITY_TAG).some(([, listed]) => matchesWeakly(listed!, tag))
}

/**
 * Whether the client already has the stored response, so that it gets a 304 (RFC 9110, section 13.2.2; RFC 9111,
 * section 4.3.2). `If-Modified-Since` counts only without `If-None-Match`.
 */
export function isNotModified(
  request: IncomingHttpHeaders,
  { headers, status, storedAt }: Pick<StoredResponse, 'headers' | 'status' | 'storedAt'>,
): boolean {
  if (status !== 200 && status !== 206) return false
  const none = request['if-none-match']
  if (none !== undefined) return listHas(none, storedValue(headers, 'etag'))
  const since = parseHttpDate(request['if-modified-since'], storedAt)
  if (since === undefined) return false
  const changed =
    parseHttpDate(storedValue(headers, 'last-modified') ?? storedValue(headers, 'date'), storedAt) ?? storedAt
  return changed <= since
}

/** Whether a request has a condition that only the upstream can check (RFC 9110, sections 13.1.1 and 13.1.4). */
export const hasUnsafeCondition = (request: IncomingHttpHeaders): boolean =>
  request['if-match'] !== undefined || request['if-unmodified-since'] !== undefined

/**
 * The conditions that validate a stored response: name, value, ... (RFC 9111, section 4.3.1). Empty when it has no
 * validator.
 */
export function validationFields({ headers }: StoredResponse): string[] {
  const tag = storedValue(headers, 'etag')
  const changed = storedValue(headers, 'last-modified')
  return [
    ...(tag === undefined ? [] : ['if-none-match', tag]),
    ...(changed === undefined ? [] : ['if-modified-since', changed]),
  ]
}

export const canBeValidated = (headers: StoredHeaders): boolean =>
  headers.etag !== undefined || headers['last-modified'] !== undefined

/**
 * Whether a 304, or the head of a 200, describes the stored response: a validator that both have must be the same
 * (RFC 9111, sections 4.3.3 to 4.3.5).
 */
export function confirms(headers: IncomingHttpHeaders, stored: StoredResponse): boolean {
  const tag = storedValue(stored.headers, 'etag')
  if (headers.etag !== undefined && tag !== undefined) {
    return headers.etag.startsWith('W/') ? matchesWeakly(headers.etag, tag) : headers.etag === tag
  }
  const changed = storedValue(stored.headers, 'last-modified')
  return headers['last-modified'] === undefined || changed === undefined || headers['last-modified'] === changed
}
