import { createHash } from 'node:crypto'
import { combined, replaces } from './partial-content.ts'
import { currentAge, type StoredResponse } from './stored-response.ts'

export { replaces }

/** Under what a response is kept: the URL, by which it is purged, and whatever else tells responses apart. */
export interface CacheKey {
  /** Scheme, host, path and query. */
  readonly url: string
  /** Route, consumer, and headers and cookies of the key; `''` for none. */
  readonly rest: string
}

/** What to purge; exactly one of the first three. */
export interface Purge {
  url?: string
  /** What the URLs begin with. */
  prefix?: string
  tag?: string
  /** Keeps what is purged, to be validated before its next use and to stand in for an upstream that fails. */
  soft: boolean
  /** Milliseconds since 1970. */
  now: number
}

/** Whether what is to be stored still holds, or whether a purge has come in between. */
export type StillCurrent = () => boolean

/** Keeps responses. Every implementation passes `test/cache/cache-store-contract.ts`. */
export interface CacheStore {
  /** Responses under a key, the latest last; null when there are none. In memory it comes at once. */
  get(key: CacheKey): readonly StoredResponse[] | null | Promise<readonly StoredResponse[] | null>
  /**
   * Puts a response in place of those under the key that answer the same requests.
   * @param isCurrent  asked at the last moment by stores that take a while; when it is false, nothing is stored
   */
  add(key: CacheKey, response: StoredResponse, isCurrent?: StillCurrent): void | Promise<void>
  /** Replaces what is under a key; an empty list forgets it. */
  put(key: CacheKey, responses: readonly StoredResponse[], isCurrent?: StillCurrent): void | Promise<void>
  /** @returns how many keys it was about */
  purge(purge: Purge): number | Promise<number>
  close(): void | Promise<void>
}

/** Most variants of one key. */
export const MOST_VARIANTS = 32

/** A key as one text. */
export const nameOf = ({ url, rest }: CacheKey): string => (rest === '' ? url : `${url}\n${rest}`)

/** A name by which something is only remembered, so that a long URL takes no more memory than a short one. */
export const shortName = (name: string): string =>
  name.length <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('base64url')
/** Characters. */
const LONGEST_NAME = 200

/** What is under a key once a response has come to it, the latest last. */
export const withResponse = (before: readonly StoredResponse[], response: StoredResponse): StoredResponse[] =>
  combined(before, response).slice(-MOST_VARIANTS)

/** Whether a URL is one that a purge names. Without scheme and host a purge is for all hosts. */
export function isPurged(url: string, { url: exact, prefix }: Pick<Purge, 'url' | 'prefix'>): boolean {
  const wanted = exact ?? prefix
  if (wanted === undefined) return false
  const own = wanted.startsWith('/') ? url.slice(url.indexOf('/', url.indexOf('://') + 3)) : url
  return exact === undefined ? own.startsWith(wanted) : own === wanted
}

/** What is left of a response after a soft purge: stale from now on, and to be validated before its next use. */
export const outdated = (stored: StoredResponse, now: number): StoredResponse => ({
  ...stored,
  lifetime: Math.min(stored.lifetime, currentAge(stored, now)),
  staleWhileRevalidate: 0,
})
