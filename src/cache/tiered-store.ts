import { type CacheKey, type CacheStore, nameOf, type Purge } from './cache-store.ts'
import type { PurgeFeed, PurgeNews } from './purge-channel.ts'
import { freshFor, type StoredResponse } from './stored-response.ts'
import type { MemoryStore } from './memory-store.ts'

type Responses = readonly StoredResponse[] | null

export interface TieredStoreOptions {
  /** Told when the second store fails; clients do not notice. */
  onError: (error: unknown, operation: string) => void
  /** Told of the purges of other processes, which concern what is under way here as well. */
  onPurge: (purge: PurgeNews) => void
  /** Milliseconds since 1970. */
  now: () => number
}

/** Most purges that are yet to be done in the second store, one by one. */
const MOST_OWED = 1000
const EVERYTHING = { prefix: '', soft: false }

/**
 * Memory in front of a store that other processes share. What is fresh in memory comes from there at once. While the second store
 * is away, there is memory alone; what had to be purged meanwhile is purged there before anything is taken from it again.
 */
export class TieredStore implements CacheStore {
  readonly #front: MemoryStore
  readonly #back: CacheStore
  readonly #feed: PurgeFeed
  readonly #options: TieredStoreOptions
  /** Most milliseconds that a lookup in the second store may take. */
  patience = 100
  /** Lookups that are under way, which all who ask for the same share. */
  readonly #lookups = new Map<string, Promise<Responses>>()
  /** What is being put into the second store. */
  readonly #writes = new Set<Promise<void>>()
  /** Purges that the second store does not know of. */
  #owed: PurgeNews[] = []
  #settling: Promise<void> | null = null
  /** Counts the purges, so that nothing gets into memory that was read before one. */
  #purges = 0

  constructor (front: MemoryStore, back: CacheStore, feed: PurgeFeed, options: TieredStoreOptions) {
    this.#front = front
    this.#back = back
    this.#feed = feed
    this.#options = options
    feed.listen((purge) => { this.#hear(purge) }, () => {
      this.#hear(EVERYTHING)
      this.#settle()
    })
  }

  get (key: CacheKey): Responses | Promise<Responses> {
    const near = this.#front.get(key)
    const now = this.#options.now()
    if (near?.some((response) => freshFor(response, now) > 0)) return near
    if (this.#owed.length > 0) {
      this.#settle()
      return near
    }
    const name = nameOf(key)
    let lookup = this.#lookups.get(name)
    if (lookup === undefined) {
      lookup = this.#lookup(key, near).finally(() => this.#lookups.delete(name))
      this.#lookups.set(name, lookup)
    }
    return lookup
  }

  /** In memory it is at once. */
  add (key: CacheKey, response: StoredResponse): Promise<void> {
    this.#front.add(key, response)
    return this.#write(() => this.#back.add(key, response))
  }

  put (key: CacheKey, responses: readonly StoredResponse[]): Promise<void> {
    if (responses.length === 0) this.#purges++
    this.#front.put(key, responses)
    return this.#write(() => this.#back.put(key, responses))
  }

  /** Fails when other processes could not be told; they will be. */
  async purge (purge: Purge): Promise<number> {
    const near = this.#purgeFront(purge)
    const { now, ...news } = purge
    try {
      // what comes before the purge is not to be stored after it
      await Promise.all(this.#writes)
      // who hears that this one is done may rely on those before it
      this.#settle()
      await this.#settling
      const far = await this.#back.purge(purge)
      // what was read between the two
      this.#purgeFront(purge)
      await this.#feed.publish(news)
      return Math.max(near, far)
    } catch (error) {
      this.#owed.push(news)
      if (this.#owed.length > MOST_OWED) this.#owed = [EVERYTHING]
      throw error
    }
  }

  async close (): Promise<void> {
    this.#feed.close()
    this.#front.close()
    await this.#back.close()
  }

  #hear (purge: PurgeNews): void {
    this.#options.onPurge(purge)
    this.#purgeFront({ ...purge, now: this.#options.now() })
  }

  #purgeFront (purge: Purge): number {
    this.#purges++
    return this.#front.purge(purge)
  }

  /** @returns what memory has when the second store has nothing newer in time */
  async #lookup (key: CacheKey, near: Responses): Promise<Responses> {
    const { patience } = this
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience)
    try {
      return await Promise.race([this.#take(key, near), late])
    } catch (error) {
      this.#options.onError(error, 'get')
      return near
    } finally {
      clearTimeout(timer)
    }
  }

  async #take (key: CacheKey, near: Responses): Promise<Responses> {
    const purges = this.#purges
    const found = await this.#back.get(key)
    if (found === null || (near !== null && near.at(-1)!.storedAt >= found.at(-1)!.storedAt)) return near
    if (purges === this.#purges && this.#front.get(key) === near) this.#front.put(key, found)
    return found
  }

  async #write (work: () => void | Promise<void>): Promise<void> {
    const writing = (async () => work())().catch((error) => { this.#options.onError(error, 'put') })
    this.#writes.add(writing)
    await writing
    this.#writes.delete(writing)
  }

  /** Does the purges that were not possible before; when they fail again, the next time. */
  #settle (): void {
    if (this.#owed.length === 0) return
    this.#settling ??= this.#settleAll().catch((error) => { this.#options.onError(error, 'purge') }).finally(() => { this.#settling = null })
  }

  async #settleAll (): Promise<void> {
    for (let next = this.#owed[0]; next !== undefined; next = this.#owed[0]) {
      await this.#back.purge({ ...next, now: this.#options.now() })
      await this.#feed.publish(next)
      // unless there have been so many more that they became one
      if (this.#owed[0] === next) this.#owed.shift()
    }
  }
}
