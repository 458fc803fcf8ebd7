import { combined } from './byte-range.ts'
import type { CacheKey } from './cache-key.ts'
import { currentAge } from './freshness.ts'
import type { Purge } from './purge.ts'
import type { StoredResponse } from './stored-response.ts'

/** Responses of one key, the latest last; null for none. */
export type Found = readonly StoredResponse[] | null

export interface DatedPurge extends Purge {
  /** Milliseconds since 1970. */
  now: number
}

/** Whether a response may still be stored: false after a purge that concerns it. */
export type StillCurrent = () => boolean

/** Stores responses. Every implementation passes `test/cache/cache-store-contract.ts`. */
export interface CacheStore {
  /** The memory store answers at once. */
  get(key: CacheKey): Found | Promise<Found>
  /**
   * Stores a response in place of those that answer the same requests.
   * @param isCurrent  called at the last moment by stores that take a while; nothing is stored when it is false
   */
  add(key: CacheKey, response: StoredResponse, isCurrent?: StillCurrent): void | Promise<void>
  /** Replaces the responses of a key; an empty list deletes them. */
  put(key: CacheKey, responses: readonly StoredResponse[], isCurrent?: StillCurrent): void | Promise<void>
  /** @returns how many keys were purged */
  purge(purge: DatedPurge): number | Promise<number>
  close(): void | Promise<void>
}

/** Most variants of one key. */
export const MOST_VARIANTS = 32

/** The responses of a key with one more. */
export const withResponse = (before: readonly StoredResponse[], response: StoredResponse): StoredResponse[] =>
  combined(before, response).slice(-MOST_VARIANTS)

/** A response after a soft purge: stale, and validated before its next use. */
export const softPurged = (stored: StoredResponse, now: number): StoredResponse => ({
  ...stored,
  lifetime: Math.min(stored.lifetime, currentAge(stored, now)),
  staleWhileRevalidate: 0,
})
