import type { IncomingHttpHeaders } from 'node:http'
import { matchesStrongly } from './conditional-request.ts'
import { type StoredPart, type StoredResponse, storedValue } from './stored-response.ts'

/** First and last byte, both inclusive. */
interface ByteRange {
  first: number
  last: number
}

/**
 * The range that a request asks for (RFC 9110, section 14.1.2).
 * @param total  length of the whole content
 * @returns null when `Range` is absent, malformed, or lists several ranges, and is ignored; `unsatisfiable` when it
 *   lies outside the content
 */
export function requestedRange(field: string | undefined, total: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes\s*=\s*(?:(\d+)\s*)?-\s*(?:(\d+)\s*)?$/i.exec(field ?? '')
  if (match === null) return null
  const [, from = '', to = ''] = match as unknown as [string, string?, string?]
  if (from === '') {
    if (to === '') return null
    const suffix = Number(to)
    return suffix === 0 || total === 0 ? 'unsatisfiable' : { first: Math.max(0, total - suffix), last: total - 1 }
  }
  const first = Number(from)
  const last = to === '' ? total - 1 : Math.min(Number(to), total - 1)
  if (to !== '' && Number(to) < first) return null
  return first >= total ? 'unsatisfiable' : { first, last }
}

/** Whether `Range` applies: `If-Range` is absent or names the stored content (RFC 9110, section 13.1.5). */
export function rangeHolds(request: IncomingHttpHeaders, headers: StoredResponse['headers']): boolean {
  const condition = request['if-range']
  if (condition === undefined) return true
  const text = String(condition)
  if (text.startsWith('"')) return matchesStrongly(text, storedValue(headers, 'etag') ?? '')
  return !text.startsWith('W/') && text === storedValue(headers, 'last-modified')
}

/**
 * The part that a 206 contains; null when it cannot be stored: several parts, an unknown total, or another length than
 * it states.
 */
export function partOf(headers: IncomingHttpHeaders, length: number): StoredPart | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')
  if (match === null) return null
  const [first, last, total] = match.slice(1).map(Number) as [number, number, number]
  return last >= first && last < total && last - first + 1 === length ? { first, total } : null
}

/** Length of the whole content of a response or of its 206 part; NaN when unknown. */
export const wholeLength = (headers: IncomingHttpHeaders): number =>
  Number(/\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? headers['content-length'])

/** The bytes of a range; null when the stored part lacks one of them. */
export function slice({ body, part }: StoredResponse, { first, last }: ByteRange): Buffer | null {
  const offset = part?.first ?? 0
  return first < offset || last >= offset + body.byteLength ? null : body.subarray(first - offset, last - offset + 1)
}

export const totalOf = ({ body, part }: StoredResponse): number => part?.total ?? body.byteLength

export const contentRange = ({ first, last }: ByteRange, total: number): string => `bytes ${first}-${last}/${total}`

/**
 * Adds a response to those of its key. A part never replaces the whole content. Parts of the same content, which a
 * strong entity tag proves, are joined (RFC 9111, section 3.4).
 */
export function combined(before: readonly StoredResponse[], response: StoredResponse): readonly StoredResponse[] {
  const others = before.filter((other) => !replaces(other, response))
  if (response.part === null) return [...others, response]
  const stored = before.find((other) => replaces(other, response))
  if (stored === undefined || !isSameContent(stored, response)) return [...others, response]
  return [
    ...others,
    stored.part === null
      ? { ...response, status: stored.status, headers: stored.headers, body: stored.body, part: null }
      : joined(stored, response),
  ]
}

/** Joins two parts of the same content (RFC 9110, section 15.3.7.3). The newer one alone if there is a gap. */
function joined(stored: StoredResponse, response: StoredResponse): StoredResponse {
  const [a, b] = stored.part!.first <= response.part!.first ? [stored, response] : [response, stored]
  const { first, total } = a.part!
  const next = b.part!.first - first
  if (total !== b.part!.total || next > a.body.byteLength) return response
  const body = Buffer.concat([a.body, b.body.subarray(a.body.byteLength - next)])
  const isWhole = body.byteLength === total
  const { 'content-range': _, ...headers } = response.headers
  const length = { 'content-length': String(body.byteLength) }
  const range = { 'content-range': contentRange({ first, last: first + body.byteLength - 1 }, total) }
  return {
    ...response,
    status: isWhole ? 200 : 206,
    headers: isWhole ? { ...headers, ...length } : { ...headers, ...length, ...range },
    body,
    part: isWhole ? null : { first, total },
  }
}

/** Whether two responses answer the same requests. */
export const replaces = (one: Pick<StoredResponse, 'vary'>, other: Pick<StoredResponse, 'vary'>): boolean =>
  one.vary.length === other.vary.length &&
  one.vary.every(([name, value], i) => name === other.vary[i]![0] && value === other.vary[i]![1])

function isSameContent(one: StoredResponse, other: StoredResponse): boolean {
  const tag = storedValue(one.headers, 'etag')
  return tag !== undefined && !tag.startsWith('W/') && tag === storedValue(other.headers, 'etag')
}
