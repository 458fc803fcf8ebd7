import type { OutgoingHttpHeaders } from 'node:http'

/** Names in small letters; what belongs to one connection or one recipient is not among them. */
export type StoredHeaders = Readonly<Record<string, string | string[]>>

/** A response as the cache keeps it; never changed, only replaced. */
export interface StoredResponse {
  readonly status: number
  readonly headers: StoredHeaders
  readonly body: Buffer
  /** Request header that the response was selected by, with its normalised value; `null` when the request had none. */
  readonly vary: readonly (readonly [name: string, value: string | null])[]
  /** When it came, in milliseconds since 1970. */
  readonly storedAt: number
  /** Its age when it came, in seconds (RFC 9111, section 4.2.3). */
  readonly initialAge: number
  /** How long it is fresh, in seconds (RFC 9111, section 4.2.1). */
  readonly lifetime: number
  /** Whether each use needs a validation (`no-cache`). */
  readonly mustValidate: boolean
  /** Whether it may never be used stale (`must-revalidate` and its like). */
  readonly neverStale: boolean
  /** Seconds of staleness within which it may be used while it is validated (RFC 5861, section 3). */
  readonly staleWhileRevalidate: number
  /** Seconds of staleness within which it may be used when the upstream fails (RFC 5861, section 4). */
  readonly staleIfError: number
  /** Whether the upstream has said that everybody may have it. */
  readonly isPublic: boolean
  /** What the request that it answers had: it may be shared only as long as it says so itself. */
  readonly askedWith: { readonly credentials: boolean; readonly cookies: boolean }
  /** Which part it is, when it is not the whole (RFC 9110, section 14.4). */
  readonly part: StoredPart | null
  /** By which it can be purged. */
  readonly tags: readonly string[]
}

export interface StoredPart {
  /** Position of the first byte. */
  readonly first: number
  /** Length of the whole. */
  readonly total: number
}

/** Seconds from the stored response to its use (RFC 9111, section 4.2.3). */
export const currentAge = (
  { initialAge, storedAt }: Pick<StoredResponse, 'initialAge' | 'storedAt'>,
  now: number,
): number => initialAge + Math.max(0, now - storedAt) / 1000

/** Seconds that it is still fresh; negative for how long it has been stale. */
export const freshFor = (stored: Pick<StoredResponse, 'initialAge' | 'storedAt' | 'lifetime'>, now: number): number =>
  stored.lifetime - currentAge(stored, now)

/** One value of a stored header. */
export const storedValue = (headers: StoredHeaders | OutgoingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value)
}

/** Bytes that it takes in memory, about. */
export function weightOf({ headers, body, vary, tags }: StoredResponse): number {
  // small bodies are kept as text too, once they are used
  let bytes = body.byteLength + Math.min(body.byteLength, 16 * 1024) + 500
  for (const name in headers) bytes += name.length + String(headers[name]).length + 60
  // what a client has sent can be long too
  for (const [name, value] of vary) bytes += name.length + (value?.length ?? 0) + 120
  for (const tag of tags) bytes += tag.length + 200
  return bytes
}
