import { type CacheKey, isPurged } from './cache-store.ts'
import type { PurgeNews } from './purge-channel.ts'
import type { StoredResponse } from './stored-response.ts'

/** Most purges that are owed one by one. */
const MOST_OWED = 1000

/** A purge that matches every URL. */
export const EVERYTHING: PurgeNews = { prefix: '', soft: false }

/** A purge that the shared store has not done yet. */
export interface OwedPurge {
  readonly purge: PurgeNews
  /** Whether it is being sent now. If not, it has failed and has to be sent again. */
  inFlight: boolean
}

/**
 * The purges that this gateway has accepted and the shared store has not done yet. What they match must not be read
 * from that store. The list is bounded: when it overflows, one purge of everything takes the place of all, so that
 * nothing is read.
 */
export class OwedPurges {
  readonly #owed = new Set<OwedPurge>()
  /** How many of them name a URL with its host, by that URL: nearly all do. */
  readonly #byUrl = new Map<string, number>()
  /** The others. */
  readonly #wide = new Set<OwedPurge>()

  get size(): number {
    return this.#owed.size
  }

  /** @returns what to hand to `paid` when it is done */
  add(purge: PurgeNews): OwedPurge {
    if (this.#owed.size >= MOST_OWED) {
      this.#owed.clear()
      this.#byUrl.clear()
      this.#wide.clear()
      // it stays until it is sent by itself, since those in flight may fail
      this.#insert({ purge: EVERYTHING, inFlight: false })
    }
    const owed = { purge, inFlight: true }
    this.#insert(owed)
    return owed
  }

  /** The purge is done in the shared store. */
  paid(owed: OwedPurge): void {
    if (!this.#owed.delete(owed) || this.#wide.delete(owed)) return
    const url = owed.purge.url!
    const count = this.#byUrl.get(url)! - 1
    if (count === 0) this.#byUrl.delete(url)
    else this.#byUrl.set(url, count)
  }

  /** The oldest one that has failed. */
  nextFailed(): OwedPurge | undefined {
    for (const owed of this.#owed) if (!owed.inFlight) return owed
    return undefined
  }

  /** Whether one of them names the URL of a key. */
  covers({ url }: CacheKey): boolean {
    if (this.#owed.size === 0) return false
    if (this.#byUrl.has(url)) return true
    for (const { purge } of this.#wide) if (isPurged(url, purge)) return true
    return false
  }

  /** Whether one of them names a tag of these responses, which only the responses themselves tell. */
  coversTags(responses: readonly StoredResponse[]): boolean {
    for (const {
      purge: { tag },
    } of this.#wide) {
      if (tag !== undefined && responses.some(({ tags }) => tags.includes(tag))) return true
    }
    return false
  }

  #insert(owed: OwedPurge): void {
    this.#owed.add(owed)
    const { url } = owed.purge
    if (url === undefined || url.startsWith('/')) this.#wide.add(owed)
    else this.#byUrl.set(url, (this.#byUrl.get(url) ?? 0) + 1)
  }
}
