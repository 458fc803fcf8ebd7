import type { OutgoingHttpHeaders } from 'node:http'

/** Names in lower case, without the fields of one connection or one recipient. */
export type StoredHeaders = Readonly<Record<string, string | string[]>>

/** A response as the cache stores it. Never changed, only replaced. */
export interface StoredResponse {
  readonly status: number
  readonly headers: StoredHeaders
  readonly body: Buffer
  /** Request headers that selected the response, with their normalised values; `null` for an absent header. */
  readonly vary: readonly (readonly [name: string, value: string | null])[]
  /** When it arrived, in milliseconds since 1970. */
  readonly storedAt: number
  /** Its age when it arrived, in seconds (RFC 9111, section 4.2.3). */
  readonly initialAge: number
  /** How long it is fresh, in seconds (RFC 9111, section 4.2.1). */
  readonly lifetime: number
  /** Whether each use needs a validation (`no-cache`). */
  readonly mustValidate: boolean
  /** Whether it must never be used stale (`must-revalidate` and similar). */
  readonly neverStale: boolean
  /** Seconds of staleness for which it may be used while it is revalidated (RFC 5861, section 3). */
  readonly staleWhileRevalidate: number
  /** Seconds of staleness for which it may be used when the upstream fails (RFC 5861, section 4). */
  readonly staleIfError: number
  /** Whether the upstream marked it `public`. */
  readonly isPublic: boolean
  /** What its request carried. If either is true, only the response itself can allow sharing it. */
  readonly askedWith: { readonly credentials: boolean; readonly cookies: boolean }
  /** Which part of the content it is; null for the whole (RFC 9110, section 14.4). */
  readonly part: StoredPart | null
  /** Tags (surrogate keys) that purge it. */
  readonly tags: readonly string[]
}

/** All but the body: known as soon as the head of a response has arrived. */
export type StoredHead = Omit<StoredResponse, 'body' | 'part'>

export interface StoredPart {
  /** Position of the first byte. */
  readonly first: number
  /** Length of the whole content. */
  readonly total: number
}

/** The first value of a stored header. */
export const storedValue = (headers: StoredHeaders | OutgoingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value)
}

/** Approximate bytes that it takes in memory. */
export function weightOf({ headers, body, vary, tags }: StoredResponse): number {
  // a small body is kept as text too, once it has been used
  let bytes = body.byteLength + Math.min(body.byteLength, 16 * 1024) + 500
  for (const name in headers) bytes += name.length + String(headers[name]).length + 60
  // clients choose these values, so they may be long
  for (const [name, value] of vary) bytes += name.length + (value?.length ?? 0) + 120
  for (const tag of tags) bytes += tag.length + 200
  return bytes
}
