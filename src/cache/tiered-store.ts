import { type CacheKey, nameOf } from './cache-key.ts'
import type { CacheStore, DatedPurge, Found, StillCurrent } from './cache-store.ts'
import { freshFor } from './freshness.ts'
import type { MemoryStore } from './memory-store.ts'
import { EVERYTHING, isPurged, type OwedPurge, OwedPurges, type Purge } from './purge.ts'
import type { PurgeFeed } from './purge-channel.ts'
import type { StoredResponse } from './stored-response.ts'

export interface TieredStoreOptions {
  /** Called when the shared store fails. Clients do not notice. */
  onError: (error: unknown, operation: string) => void
  /** Called for purges of other processes, which concern the fetches in flight here too. */
  onPurge: (purge: Purge) => void
  /** Milliseconds since 1970. */
  now: () => number
}

/** Milliseconds until a failed purge is sent again, unless something triggers that earlier. */
const RETRY = 1000

/**
 * Memory in front of a store that other processes share. Fresh responses in memory are used at once. While the shared
 * store is away, only memory is used. A purge that the shared store has not done yet is owed: responses that it matches
 * are not read from there.
 */
export class TieredStore implements CacheStore {
  readonly #memory: MemoryStore
  readonly #shared: CacheStore
  readonly #feed: PurgeFeed
  readonly #options: TieredStoreOptions
  /** Most milliseconds for a lookup in the shared store. */
  patience = 1000
  /** Lookups in flight, which all requests for the same key share. */
  readonly #lookups = new Map<string, Promise<Found>>()
  /** Writes to the shared store in flight, by the name of their key. */
  readonly #writes = new Map<string, { url: string; done: Promise<unknown> }>()
  readonly #owed = new OwedPurges()
  #settling: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null
  /** Number of purges. A lookup that began before a purge must not reach memory. */
  #purges = 0

  constructor(memory: MemoryStore, shared: CacheStore, feed: PurgeFeed, options: TieredStoreOptions) {
    this.#memory = memory
    this.#shared = shared
    this.#feed = feed
    this.#options = options
    feed.listen(
      (purge) => {
        this.#hear(purge)
      },
      () => {
        this.#hear(EVERYTHING)
        this.#settle()
      },
    )
  }

  /** Whether this process receives the purges of others. Until then it stores nothing in the shared store. */
  get isListening(): boolean {
    return this.#feed.heard !== null
  }

  get(key: CacheKey): Found | Promise<Found> {
    const near = this.#memory.get(key)
    const now = this.#options.now()
    if (near?.some((response) => freshFor(response, now) > 0)) return near
    if (this.#owed.covers(key)) {
      this.#settle()
      return near
    }
    const name = nameOf(key)
    let lookup = this.#lookups.get(name)
    if (lookup === undefined) {
      const started = (lookup = this.#lookup(key, near).finally(() => {
        if (this.#lookups.get(name) === started) this.#lookups.delete(name)
      }))
      this.#lookups.set(name, lookup)
    }
    return lookup
  }

  /** Stored in memory at once. */
  add(key: CacheKey, response: StoredResponse, isCurrent?: StillCurrent): Promise<void> {
    this.#memory.add(key, response)
    return this.#write(key, () => this.#shared.add(key, response, isCurrent))
  }

  put(key: CacheKey, responses: readonly StoredResponse[], isCurrent?: StillCurrent): Promise<void> {
    if (responses.length === 0) this.#dropLookups()
    this.#memory.put(key, responses)
    return this.#write(key, () => this.#shared.put(key, responses, isCurrent))
  }

  /**
   * Purges memory at once and the shared store as soon as it answers. Rejects when the shared store fails: the purge is
   * then owed, and sent again for as long as the process runs.
   */
  async purge({ now, ...purge }: DatedPurge): Promise<number> {
    const near = this.#purgeMemory({ ...purge, now })
    const owed = this.#owed.add(purge)
    try {
      // writes in flight must not arrive after the purge
      await Promise.all(
        [...this.#writes.values()]
          .filter(({ url }) => purge.tag !== undefined || isPurged(url, purge))
          .map(({ done }) => done),
      )
      // once this purge is reported as done, earlier ones must be done too
      await this.#settling
      this.#settle()
      await this.#settling
      return Math.max(near, await this.#purgeShared(owed))
    } catch (error) {
      owed.inFlight = false
      this.#retryLater()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#feed.close()
    this.#memory.close()
    await this.#shared.close()
  }

  #hear(purge: Purge): void {
    this.#options.onPurge(purge)
    this.#purgeMemory({ ...purge, now: this.#options.now() })
  }

  #purgeMemory(purge: DatedPurge): number {
    this.#dropLookups()
    return this.#memory.purge(purge)
  }

  /** Lookups that began before a purge: their result is not stored in memory, and later requests do not share them. */
  #dropLookups(): void {
    this.#purges++
    this.#lookups.clear()
  }

  /**
   * Purges the shared store. Other processes are informed before it, so that none of them stores a response from before
   * the change (the shared store checks that), and after it, because they may have read the old response in between.
   */
  async #purgeShared(owed: OwedPurge): Promise<number> {
    const { purge } = owed
    const now = this.#options.now()
    await this.#feed.publish(purge)
    const found = await this.#shared.purge({ ...purge, now })
    this.#purgeMemory({ ...purge, now })
    await this.#feed.publish(purge)
    this.#owed.paid(owed)
    return found
  }

  /** @returns the responses in memory when the shared store has nothing newer, or is too slow */
  async #lookup(key: CacheKey, near: Found): Promise<Found> {
    const { patience } = this
    const { promise: late, reject } = Promise.withResolvers<never>()
    // after a busy turn of the event loop, the answer of Redis may have arrived but not been read
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${patience} ms`))), patience)
    try {
      return await Promise.race([this.#read(key, near), late])
    } catch (error) {
      this.#options.onError(error, 'get')
      return near
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(key: CacheKey, near: Found): Promise<Found> {
    const purges = this.#purges
    // this process may be storing the response right now
    await this.#writes.get(nameOf(key))?.done
    const found = await this.#shared.get(key)
    if (
      found === null ||
      this.#owed.covers(key) ||
      this.#owed.coversTags(found) ||
      (near !== null && near.at(-1)!.storedAt >= found.at(-1)!.storedAt)
    ) {
      return near
    }
    if (purges === this.#purges && this.#memory.get(key) === near) this.#memory.put(key, found)
    return found
  }

  async #write(key: CacheKey, work: () => void | Promise<void>): Promise<void> {
    const name = nameOf(key)
    const writing = (async () => work())().catch((error) => {
      this.#options.onError(error, 'put')
    })
    const before = this.#writes.get(name)
    const own = { url: key.url, done: before === undefined ? writing : Promise.all([before.done, writing]) }
    this.#writes.set(name, own)
    await own.done
    if (this.#writes.get(name) === own) this.#writes.delete(name)
  }

  /** Sends failed purges again. Those that fail once more wait for the next time. */
  #settle(): void {
    if (this.#owed.nextFailed() !== undefined) this.#settling ??= this.#settleAll()
  }

  async #settleAll(): Promise<void> {
    try {
      let owed
      while ((owed = this.#owed.nextFailed()) !== undefined) await this.#purgeShared(owed)
    } catch (error) {
      this.#options.onError(error, 'purge')
      this.#retryLater()
    } finally {
      this.#settling = null
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.#settle()
    }, RETRY).unref()
  }
}
