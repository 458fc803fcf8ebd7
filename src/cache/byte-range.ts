import type { IncomingHttpHeaders } from 'node:http'
import { matchesStrongly } from './validators.ts'
import { type StoredPart, type StoredResponse, storedValue } from './stored-response.ts'

/** First and last byte, both included. */
export interface ByteRange {
  first: number
  last: number
}

/**
 * What a request wants of a whole of known length (RFC 9110, section 14.1.2).
 * @returns null when `Range` is passed over: there is none, several are asked for, or it is malformed; `unsatisfiable`
 *   when it lies outside of the whole
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

/** Whether `Range` still holds: the content is the one that `If-Range` names (RFC 9110, section 13.1.5). */
export function rangeHolds(request: IncomingHttpHeaders, headers: StoredResponse['headers']): boolean {
  const condition = request['if-range']
  if (condition === undefined) return true
  const text = String(condition)
  if (text.startsWith('"')) return matchesStrongly(text, storedValue(headers, 'etag') ?? '')
  return !text.startsWith('W/') && text === storedValue(headers, 'last-modified')
}

/**
 * The part that a 206 holds; null when it is none that can be stored, because it has several parts, an unknown whole or
 * another length than it says.
 */
export function partOf(headers: IncomingHttpHeaders, length: number): StoredPart | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')
  if (match === null) return null
  const [first, last, total] = match.slice(1).map(Number) as [number, number, number]
  return last >= first && last < total && last - first + 1 === length ? { first, total } : null
}

/** Bytes of the whole that a response is, or is a part of; NaN when it does not say. */
export const wholeLength = (headers: IncomingHttpHeaders): number =>
  Number(/\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? headers['content-length'])

/** What a stored response has of a range; null when a byte of it is missing. */
export function slice({ body, part }: StoredResponse, { first, last }: ByteRange): Buffer | null {
  const offset = part?.first ?? 0
  return first < offset || last >= offset + body.byteLength ? null : body.subarray(first - offset, last - offset + 1)
}

export const totalOf = ({ body, part }: StoredResponse): number => part?.total ?? body.byteLength

export const contentRange = ({ first, last }: ByteRange, total: number): string => `bytes ${first}-${last}/${total}`

/** Puts two parts of one content together, as far as they touch (RFC 9110, section 15.3.7.3). */
export function joinParts(
  one: { part: StoredPart; body: Buffer },
  other: { part: StoredPart; body: Buffer },
): { part: StoredPart; body: Buffer } | null {
  const [a, b] = one.part.first <= other.part.first ? [one, other] : [other, one]
  const end = a.part.first + a.body.byteLength
  if (a.part.total !== b.part.total || b.part.first > end) return null
  const rest = b.body.subarray(Math.min(end - b.part.first, b.body.byteLength))
  return { part: { first: a.part.first, total: a.part.total }, body: Buffer.concat([a.body, rest]) }
}
