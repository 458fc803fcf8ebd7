import { type CacheKey, type CacheStore, isPurged, nameOf, type Purge, type StillCurrent } from './cache-store.ts'
import type { MemoryStore } from './memory-store.ts'
import { EVERYTHING, type OwedPurge, OwedPurges } from './owed-purges.ts'
import type { PurgeFeed, PurgeNews } from './purge-channel.ts'
import { freshFor, type StoredResponse } from './stored-response.ts'

type Responses = readonly StoredResponse[] | null

export interface TieredStoreOptions {
  /** Told when the second store fails; clients do not notice. */
  onError: (error: unknown, operation: string) => void
  /** Told of the purges of other processes, which concern what is under way here as well. */
  onPurge: (purge: PurgeNews) => void
  /** Milliseconds since 1970. */
  now: () => number
}

/** Milliseconds until a purge that has failed is sent again, if nothing gives reason to do so earlier. */
const RETRY = 1000

/**
 * Memory in front of a store that other processes share. What is fresh in memory comes from there at once. While the
 * second store is away, there is memory alone. A purge that the second store has not done yet is owed: what it matches
 * is not read from there.
 */
export class TieredStore implements CacheStore {
  readonly #front: MemoryStore
  readonly #back: CacheStore
  readonly #feed: PurgeFeed
  readonly #options: TieredStoreOptions
  /** Most milliseconds that a lookup in the second store may take. */
  patience = 1000
  /** Lookups in flight, which all requests for the same key share. */
  readonly #lookups = new Map<string, Promise<Responses>>()
  /** What is being put into the second store, by the name of its key. */
  readonly #writes = new Map<string, { url: string; done: Promise<unknown> }>()
  readonly #owed = new OwedPurges()
  #settling: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null
  /** Counts the purges, so that nothing gets into memory that was read before one. */
  #purges = 0

  constructor(front: MemoryStore, back: CacheStore, feed: PurgeFeed, options: TieredStoreOptions) {
    this.#front = front
    this.#back = back
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

  /** Whether this process hears of the purges of others. Until it does, it puts nothing into the second store. */
  get isListening(): boolean {
    return this.#feed.heard !== null
  }

  get(key: CacheKey): Responses | Promise<Responses> {
    const near = this.#front.get(key)
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

  /** In memory it is at once. */
  add(key: CacheKey, response: StoredResponse, isCurrent?: StillCurrent): Promise<void> {
    this.#front.add(key, response)
    return this.#write(key, () => this.#back.add(key, response, isCurrent))
  }

  put(key: CacheKey, responses: readonly StoredResponse[], isCurrent?: StillCurrent): Promise<void> {
    if (responses.length === 0) this.#forgetLookups()
    this.#front.put(key, responses)
    return this.#write(key, () => this.#back.put(key, responses, isCurrent))
  }

  /**
   * Purges memory at once and the second store as soon as it answers. Rejects when it fails there; it is then owed, and
   * done later, as long as the process runs.
   */
  async purge(purge: Purge): Promise<number> {
    const near = this.#purgeFront(purge)
    const { now, ...news } = purge
    const owed = this.#owed.add(news)
    try {
      // what is being put there must not arrive after the purge
      await Promise.all(
        [...this.#writes.values()]
          .filter(({ url }) => news.tag !== undefined || isPurged(url, news))
          .map(({ done }) => done),
      )
      // whoever learns that this purge is done may rely on those before it
      await this.#settling
      this.#settle()
      await this.#settling
      return Math.max(near, await this.#purgeBack(owed))
    } catch (error) {
      owed.inFlight = false
      this.#retryLater()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#feed.close()
    this.#front.close()
    await this.#back.close()
  }

  #hear(purge: PurgeNews): void {
    this.#options.onPurge(purge)
    this.#purgeFront({ ...purge, now: this.#options.now() })
  }

  #purgeFront(purge: Purge): number {
    this.#forgetLookups()
    return this.#front.purge(purge)
  }

  /** A lookup from before a purge is neither kept in memory nor shared with later requests. */
  #forgetLookups(): void {
    this.#purges++
    this.#lookups.clear()
  }

  /**
   * Purges the second store. The others hear of it before, so that none of them stores what it has fetched before the
   * change (the second store checks that), and after it, since they may have read the old response in between.
   */
  async #purgeBack(owed: OwedPurge): Promise<number> {
    const { purge } = owed
    const now = this.#options.now()
    await this.#feed.publish(purge)
    const found = await this.#back.purge({ ...purge, now })
    this.#purgeFront({ ...purge, now })
    await this.#feed.publish(purge)
    this.#owed.paid(owed)
    return found
  }

  /** @returns what memory has when the second store has nothing newer in time */
  async #lookup(key: CacheKey, near: Responses): Promise<Responses> {
    const { patience } = this
    const { promise: late, reject } = Promise.withResolvers<never>()
    // a loop that was busy until now has yet to read what Redis has said
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${patience} ms`))), patience)
    try {
      return await Promise.race([this.#take(key, near), late])
    } catch (error) {
      this.#options.onError(error, 'get')
      return near
    } finally {
      clearTimeout(timer)
    }
  }

  async #take(key: CacheKey, near: Responses): Promise<Responses> {
    const purges = this.#purges
    // what this process is storing itself is worth a moment
    await this.#writes.get(nameOf(key))?.done
    const found = await this.#back.get(key)
    if (
      found === null ||
      this.#owed.covers(key) ||
      this.#owed.coversTags(found) ||
      (near !== null && near.at(-1)!.storedAt >= found.at(-1)!.storedAt)
    ) {
      return near
    }
    if (purges === this.#purges && this.#front.get(key) === near) this.#front.put(key, found)
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

  /** Sends the purges again that have failed. Those that fail once more wait for the next time. */
  #settle(): void {
    if (this.#owed.nextFailed() === undefined) return
    this.#settling ??= this.#settleAll()
      .catch((error) => {
        this.#options.onError(error, 'purge')
        this.#retryLater()
      })
      .finally(() => {
        this.#settling = null
      })
  }

  async #settleAll(): Promise<void> {
    for (let owed = this.#owed.nextFailed(); owed !== undefined; owed = this.#owed.nextFailed()) {
      await this.#purgeBack(owed)
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.#settle()
    }, RETRY).unref()
  }
}
