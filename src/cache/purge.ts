import type { CacheKey } from './cache-key.ts'
import type { StoredResponse } from './stored-response.ts'

/** What to purge; exactly one of `url`, `prefix` and `tag`. A URL without scheme and host is purged for all hosts. */
export interface Purge {
  url?: string
  prefix?: string
  tag?: string
  /** Marks the responses stale instead of deleting them: they are validated before their next use. */
  soft: boolean
}

/** Whether a purge names a URL. */
export function isPurged(url: string, { url: exact, prefix }: Purge): boolean {
  const wanted = exact ?? prefix
  if (wanted === undefined) return false
  const own = wanted.startsWith('/') ? url.slice(url.indexOf('/', url.indexOf('://') + 3)) : url
  return exact === undefined ? own.startsWith(wanted) : own === wanted
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** Whether a method may change what others read (RFC 9110, section 9.2.1). Unknown methods may. */
export const isUnsafe = (method: string): boolean => !SAFE.has(method)

/**
 * The URLs to purge after an unsafe request (RFC 9111, section 4.4): its own, and those of `Location` and
 * `Content-Location` with the same origin. None after an error, because nothing has changed.
 * @param url     scheme, host, path and query of the request
 * @param fields  values of `Location` and `Content-Location`, as clients get them
 */
export function invalidatedBy(url: string, status: number, fields: readonly string[]): string[] {
  if (status < 200 || status >= 400) return []
  const urls = new Set([url])
  for (const field of fields) {
    const target = URL.parse(field, url)
    if (target === null || target.origin !== URL.parse(url)?.origin) continue
    // the origin as in the request: it may or may not state a default port
    urls.add(url.slice(0, url.indexOf('/', url.indexOf('://') + 3)) + target.pathname + target.search)
  }
  return [...urls]
}

/** Most purges that are owed one by one. */
const MOST_OWED = 1000

/** A purge that matches every URL. */
export const EVERYTHING: Purge = { prefix: '', soft: false }

/** A purge that the shared store has not done yet. */
export interface OwedPurge {
  readonly purge: Purge
  /** Whether it is being sent now. If not, it has failed and must be sent again. */
  inFlight: boolean
}

/**
 * The purges that this gateway has accepted and the shared store has not done yet. Responses that they match must not
 * be read from that store. The list is bounded: when it is full, one purge of everything replaces all of them, so that
 * nothing is read.
 */
export class OwedPurges {
  readonly #owed = new Set<OwedPurge>()

  /** @returns what to pass to `paid` when it is done */
  add(purge: Purge): OwedPurge {
    if (this.#owed.size >= MOST_OWED) {
      this.#owed.clear()
      // sent again by itself, since those in flight may fail
      this.#owed.add({ purge: EVERYTHING, inFlight: false })
    }
    const owed = { purge, inFlight: true }
    this.#owed.add(owed)
    return owed
  }

  /** The shared store has done it. */
  paid(owed: OwedPurge): void {
    this.#owed.delete(owed)
  }

  /** The oldest one that has failed. */
  nextFailed(): OwedPurge | undefined {
    for (const owed of this.#owed) if (!owed.inFlight) return owed
    return undefined
  }

  /** Whether one of them names the URL of a key. */
  covers({ url }: CacheKey): boolean {
    for (const { purge } of this.#owed) if (isPurged(url, purge)) return true
    return false
  }

  /** Whether one of them names a tag of these responses. */
  coversTags(responses: readonly StoredResponse[]): boolean {
    for (const { purge } of this.#owed) {
      if (purge.tag !== undefined && responses.some(({ tags }) => tags.includes(purge.tag!))) return true
    }
    return false
  }
}
