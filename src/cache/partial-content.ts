import { joinParts } from './byte-range.ts'
import { type StoredResponse, storedValue } from './stored-response.ts'

/**
 * The responses of a key after one more has come. A part does not put out the whole that it is a part of, and is joined
 * with other parts of the same content, which a strong entity tag proves (RFC 9111, section 3.4).
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

function joined(stored: StoredResponse, response: StoredResponse): StoredResponse {
  const one = joinParts({ part: stored.part!, body: stored.body }, { part: response.part!, body: response.body })
  if (one === null) return response
  const { first, total } = one.part
  const { 'content-range': _, ...headers } = response.headers
  const isWhole = one.body.byteLength === total
  return {
    ...response,
    status: isWhole ? 200 : 206,
    headers: {
      ...headers,
      'content-length': String(one.body.byteLength),
      ...(isWhole ? {} : { 'content-range': `bytes ${first}-${first + one.body.byteLength - 1}/${total}` }),
    },
    body: one.body,
    part: isWhole ? null : one.part,
  }
}

/** Whether two responses are answers to the same requests. */
export const replaces = (one: Pick<StoredResponse, 'vary'>, other: Pick<StoredResponse, 'vary'>): boolean =>
  one.vary.length === other.vary.length &&
  one.vary.every(([name, value], i) => name === other.vary[i]![0] && value === other.vary[i]![1])

function isSameContent(one: StoredResponse, other: StoredResponse): boolean {
  const tag = storedValue(one.headers, 'etag')
  return tag !== undefined && !tag.startsWith('W/') && tag === storedValue(other.headers, 'etag')
}
