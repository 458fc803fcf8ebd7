import {
  type CacheKey,
  type CacheStore,
  isPurged,
  nameOf,
  outdated,
  type Purge,
  shortName,
  withResponse,
} from './cache-store.ts'
import { type StoredResponse, weightOf } from './stored-response.ts'

/** What is kept under one key. */
interface Entry {
  readonly key: CacheKey
  responses: readonly StoredResponse[]
  bytes: number
  /** Uses since it was last looked at, at most 3. */
  uses: number
  isMain: boolean
}

/** Share of the bytes for what has been used once at most. */
const SMALL_SHARE = 0.1
const MOST_USES = 3
/** How many keys are remembered of what was put out unused. */
const REMEMBERED = 10_000

/**
 * Responses in memory, bounded in bytes. What is new comes into a small queue, and only what is used there gets into
 * the main one, so that one pass over many URLs does not put out what is used (S3-FIFO: Yang and others, "FIFO queues
 * are all you need for cache eviction", SOSP 2023). A use costs a counter, no reordering.
 */
export class MemoryStore implements CacheStore {
  readonly #limit: number
  readonly #entries = new Map<string, Entry>()
  /** In the order of their coming. */
  readonly #small = new Set<Entry>()
  readonly #main = new Set<Entry>()
  readonly #ghosts = new Set<string>()
  readonly #byUrl = new Map<string, Set<Entry>>()
  readonly #byTag = new Map<string, Set<Entry>>()
  #smallBytes = 0
  #mainBytes = 0

  /** @param limit  bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  get bytes(): number {
    return this.#smallBytes + this.#mainBytes
  }
  get size(): number {
    return this.#entries.size
  }

  get(key: CacheKey): readonly StoredResponse[] | null {
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
    addTo(this.#byUrl, key.url, entry)
    for (const tag of tagsOf(responses)) addTo(this.#byTag, tag, entry)
    while (this.bytes > this.#limit) this.#evict()
  }

  purge(purge: Purge): number {
    const found =
      purge.tag !== undefined
        ? [...(this.#byTag.get(purge.tag) ?? [])]
        : purge.url !== undefined && !purge.url.startsWith('/')
          ? [...(this.#byUrl.get(purge.url) ?? [])]
          : [...this.#byUrl].filter(([url]) => isPurged(url, purge)).flatMap(([, entries]) => [...entries])
    for (const entry of found) {
      if (purge.soft) entry.responses = entry.responses.map((response) => outdated(response, purge.now))
      else this.#drop(nameOf(entry.key), entry)
    }
    return found.length
  }

  close(): void {
    for (const [name, entry] of this.#entries) this.#drop(name, entry)
  }

  #enqueue(entry: Entry): void {
    if (entry.isMain) {
      this.#main.add(entry)
      this.#mainBytes += entry.bytes
    } else {
      this.#small.add(entry)
      this.#smallBytes += entry.bytes
    }
  }

  #dequeue(entry: Entry): void {
    if (entry.isMain) {
      this.#main.delete(entry)
      this.#mainBytes -= entry.bytes
    } else {
      this.#small.delete(entry)
      this.#smallBytes -= entry.bytes
    }
  }

  /** Takes the oldest of a queue further on, or out. */
  #evict(): void {
    const fromSmall = this.#smallBytes > this.#limit * SMALL_SHARE || this.#main.size === 0
    const [oldest] = fromSmall ? this.#small : this.#main
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

  /** What comes again soon was put out too early, and goes to the main queue. */
  #remember(name: string): void {
    this.#ghosts.add(shortName(name))
    if (this.#ghosts.size <= REMEMBERED) return
    const [oldest] = this.#ghosts
    this.#ghosts.delete(oldest!)
  }

  #drop(name: string, entry: Entry): void {
    this.#entries.delete(name)
    this.#dequeue(entry)
    removeFrom(this.#byUrl, entry.key.url, entry)
    for (const tag of tagsOf(entry.responses)) removeFrom(this.#byTag, tag, entry)
  }
}

const tagsOf = (responses: readonly StoredResponse[]): Set<string> => new Set(responses.flatMap(({ tags }) => tags))

function addTo(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const entries = index.get(key)
  if (entries === undefined) index.set(key, new Set([entry]))
  else entries.add(entry)
}

function removeFrom(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const entries = index.get(key)
  entries?.delete(entry)
  if (entries?.size === 0) index.delete(key)
}
