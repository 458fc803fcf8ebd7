import { type CacheKey, nameOf, shortName } from './cache-key.ts'
import { type CacheStore, type DatedPurge, type Found, softPurged, withResponse } from './cache-store.ts'
import { PurgeIndex } from './purge-index.ts'
import { type StoredResponse, weightOf } from './stored-response.ts'

/** Share of the bytes for the small queue. */
const SMALL_SHARE = 0.1
const MOST_USES = 3
/** How many keys are remembered that were evicted unused. */
const REMEMBERED = 10_000

/**
 * Responses in memory, bounded in bytes. A new response enters a small queue and moves to the main queue only if it is
 * used there, so that one scan over many URLs does not evict responses in use (S3-FIFO: Yang and others, "FIFO queues
 * are all you need for cache eviction", SOSP 2023). A use increments a counter and reorders nothing.
 */
export class MemoryStore implements CacheStore {
  readonly #limit: number
  readonly #entries = new Map<string, Entry>()
  readonly #small: Queue = { entries: new Set(), bytes: 0 }
  readonly #main: Queue = { entries: new Set(), bytes: 0 }
  readonly #ghosts = new Set<string>()
  readonly #index = new PurgeIndex<Entry>()

  /** @param limit  bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes
  }
  get size(): number {
    return this.#entries.size
  }

  get(key: CacheKey): Found {
    const entry = this.#entries.get(nameOf(key))
    if (entry === undefined) return null
    if (entry.uses < MOST_USES) entry.uses++
    return entry.responses
  }

  add(key: CacheKey, response: StoredResponse): void {
    this.put(key, withResponse(this.#entries.get(nameOf(key))?.responses ?? [], response))
  }

  put(key: CacheKey, responses: readonly StoredResponse[]): void {
    const name = nameOf(key)
    const before = this.#entries.get(name)
    if (before !== undefined) this.#drop(name, before)
    const bytes = responses.reduce((sum, response) => sum + weightOf(response), name.length * 2 + 200)
    if (responses.length === 0 || bytes > this.#limit) return
    const entry: Entry = {
      key,
      responses,
      bytes,
      uses: before?.uses ?? 0,
      isMain: before?.isMain ?? this.#ghosts.delete(shortName(name)),
    }
    this.#entries.set(name, entry)
    this.#enqueue(entry)
    this.#index.add(entry)
    while (this.bytes > this.#limit) this.#evict()
  }

  purge(purge: DatedPurge): number {
    const found = this.#index.find(purge)
    for (const entry of found) {
      if (purge.soft) entry.responses = entry.responses.map((response) => softPurged(response, purge.now))
      else this.#drop(nameOf(entry.key), entry)
    }
    return found.length
  }

  close(): void {
    for (const [name, entry] of this.#entries) this.#drop(name, entry)
  }

  #enqueue(entry: Entry): void {
    const queue = entry.isMain ? this.#main : this.#small
    queue.entries.add(entry)
    queue.bytes += entry.bytes
  }

  #dequeue(entry: Entry): void {
    const queue = entry.isMain ? this.#main : this.#small
    queue.entries.delete(entry)
    queue.bytes -= entry.bytes
  }

  /** Looks at the oldest entry of a queue: evicts it if it is unused, else keeps it for another round. */
  #evict(): void {
    const fromSmall = this.#small.bytes > this.#limit * SMALL_SHARE || this.#main.entries.size === 0
    const [oldest] = (fromSmall ? this.#small : this.#main).entries
    const entry = oldest!
    if (entry.uses === 0) {
      const name = nameOf(entry.key)
      this.#drop(name, entry)
      if (fromSmall) this.#remember(name)
      return
    }
    this.#dequeue(entry)
    entry.uses = fromSmall ? 0 : entry.uses - 1
    entry.isMain = true
    this.#enqueue(entry)
  }

  /** A response that returns soon was evicted too early: it goes to the main queue. */
  #remember(name: string): void {
    this.#ghosts.add(shortName(name))
    if (this.#ghosts.size <= REMEMBERED) return
    const [oldest] = this.#ghosts
    this.#ghosts.delete(oldest!)
  }

  #drop(name: string, entry: Entry): void {
    this.#entries.delete(name)
    this.#dequeue(entry)
    this.#index.delete(entry)
  }
}

/** The responses of one key. */
interface Entry {
  readonly key: CacheKey
  responses: readonly StoredResponse[]
  readonly bytes: number
  /** Uses since the last look at it, at most `MOST_USES`. */
  uses: number
  isMain: boolean
}

interface Queue {
  /** Oldest first. */
  readonly entries: Set<Entry>
  bytes: number
}
