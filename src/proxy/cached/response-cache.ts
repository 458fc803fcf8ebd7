import { replaces } from '../../cache/byte-range.ts'
import { type CacheKey, shortName } from '../../cache/cache-key.ts'
import type { CachePolicy } from '../../cache/cache-policy.ts'
import type { CacheStore } from '../../cache/cache-store.ts'
import { isPurged, type Purge } from '../../cache/purge.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { reasonOf } from '../../errors.ts'
import { FillMemory } from '../fill-memory.ts'
import type { Target } from '../../upstream/target.ts'

/** A request to an upstream whose answer is for several clients. */
export interface SharedFill {
  /** The one that answers. */
  readonly target: Target | null
  /** @returns whether the reader can have the answer */
  join(reader: any): boolean
  /** The client is gone. */
  leave(reader: any): void
  /** A reader takes more again. */
  readerReady(): void
  /** The clients get their answer from now on. */
  streams(): void
  now(): number
}

/** What a route has of the cache. */
export interface RouteCache {
  readonly cache: ResponseCache
  /** Null where nothing is cached, and unsafe requests only put out what others have stored. */
  readonly policy: CachePolicy | null
  /** Tells routes for one URL apart, which the request's headers do; `''` for the only one. */
  readonly route: string
}

/**
 * How long misses of a key are not made to wait for one another, after an answer that was not for several.
 * Milliseconds.
 */
const PASS_TIME = 60_000
/** Most keys of which that is remembered, and most of which it is known what they vary by. */
const MOST_REMEMBERED = 10_000
/** How long further failures of the store are only counted. Milliseconds. */
const QUIET = 10_000

/** Most milliseconds that the answer to a write waits for the purge of what it has changed. */
const INVALIDATION_PATIENCE = 500

/** How many purges are remembered for the sake of responses under way. */
const MOST_PURGES = 200

/** @param reason  null when the log need not be told, since it has just been */
type OnFailure = (operation: string, reason: string | null) => void

/** The stored responses of a gateway, with the requests that are under way for more. */
export class ResponseCache {
  #store: CacheStore
  /** Requests to upstreams that others may share. */
  readonly fills = new Map<string, SharedFill>()
  /** What responses hold on their way into the store. */
  readonly fillMemory: FillMemory
  /** Requests by upstream and by what the cache has done. */
  readonly counts = new Map<string, Map<string, number>>()
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly #passes = new Map<string, number>()
  readonly #varyNames = new Map<string, readonly string[]>()
  readonly #onFailure: OnFailure
  /** The latest, which responses under way must not outlive. */
  readonly #purges: Purge[] = []
  #purgeCount = 0
  #quietUntil = 0

  /** @param onFailure  told when the store fails, which makes a miss of it */
  constructor(store: CacheStore, onFailure: OnFailure, now = () => Date.now(), fillMemory = new FillMemory(Infinity)) {
    this.#store = store
    this.#onFailure = onFailure
    this.now = now
    this.fillMemory = fillMemory
  }

  get store(): CacheStore {
    return this.#store
  }

  /** Keeps responses elsewhere from now on; what is stored is not moved, so that it is for the time of the boot. */
  use(store: CacheStore): void {
    this.#store = store
  }

  /** Counts what the cache has done about a request. */
  count(upstream: string, result: string): void {
    let counts = this.counts.get(upstream)
    if (counts === undefined) this.counts.set(upstream, (counts = new Map()))
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }

  /** What is stored under a key, the latest last. A store that fails has nothing. */
  find(key: CacheKey): readonly StoredResponse[] | null | Promise<readonly StoredResponse[] | null> {
    const found = this.store.get(key)
    return found instanceof Promise ? found.catch((error) => this.failed(error, 'get')) : found
  }

  /**
   * Stores a response in place of those that it replaces, unless it was purged while it was on its way: it may be from
   * before the change.
   * @param since  `purgeCount` when the upstream was asked for it
   */
  async save(key: CacheKey, response: StoredResponse, since: number): Promise<void> {
    const isCurrent = (): boolean => !this.isPurgedSince(since, key, response.tags)
    if (!isCurrent()) return
    try {
      await this.store.add(key, response, isCurrent)
    } catch (error) {
      this.failed(error, 'put')
    }
  }

  /**
   * Whether what the upstream was asked for then may be from before a change. @param since  `purgeCount` at that time
   */
  isPurgedSince(since: number, { url }: CacheKey, tags: readonly string[]): boolean {
    const meanwhile = this.#purgeCount - since
    return (
      meanwhile > 0 &&
      (meanwhile > this.#purges.length ||
        this.#purges
          .slice(-meanwhile)
          .some((purge) => (purge.tag === undefined ? isPurged(url, purge) : tags.includes(purge.tag))))
    )
  }

  /** How often something has been purged. */
  get purgeCount(): number {
    return this.#purgeCount
  }

  /** Forgets one response. */
  async forget(key: CacheKey, response: StoredResponse): Promise<void> {
    const since = this.#purgeCount
    try {
      const before = (await this.store.get(key)) ?? []
      // not by identity: what comes from another process is new each time
      const left = before.filter((other) => other.storedAt !== response.storedAt || !replaces(other, response))
      if (left.length < before.length) {
        await this.store.put(
          key,
          left,
          () =>
            !this.isPurgedSince(
              since,
              key,
              left.flatMap(({ tags }) => tags),
            ),
        )
      }
    } catch (error) {
      this.failed(error, 'put')
    }
  }

  /**
   * Purges the URLs that a write has changed.
   * @returns null when that is done at once, as in memory; else a promise that resolves when the shared store has done
   *   it too, has failed, or has not answered for 500 ms. In the last two cases the store still owes the purges: it
   *   reads nothing that they match, and does them as soon as it can.
   */
  invalidate(urls: readonly string[]): Promise<void> | null {
    const later: Promise<unknown>[] = []
    for (const url of urls) {
      const purging = this.purgeOrFail({ url, soft: false })
      if (purging instanceof Promise) later.push(purging.catch((error) => this.failed(error, 'purge')))
    }
    return later.length === 0 ? null : this.#withinPatience(Promise.all(later))
  }

  #withinPatience(work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.failed(new Error(`no answer within ${INVALIDATION_PATIENCE} ms`), 'purge')
      resolve()
    }, INVALIDATION_PATIENCE)
    work
      .finally(() => {
        clearTimeout(timer)
        resolve()
      })
      .catch(() => {})
    return promise
  }

  /** Remembers a purge, here or in another process, for the sake of what is under way. */
  notePurge(purge: Purge): void {
    this.#purgeCount++
    this.#purges.push(purge)
    if (this.#purges.length > MOST_PURGES) this.#purges.shift()
  }

  /** Purges, and rejects when the store fails. What is on its way from the upstream is not stored in either case. */
  purgeOrFail(purge: Purge): number | Promise<number> {
    this.notePurge(purge)
    return this.store.purge({ ...purge, now: this.now() })
  }

  /**
   * Whether answers of this key were lately not for several, because they could not be stored or not be used again as
   * they are.
   */
  isPassed(key: string): boolean {
    const name = shortName(key)
    const until = this.#passes.get(name)
    if (until === undefined) return false
    if (until > this.now()) return true
    this.#passes.delete(name)
    return false
  }

  pass(key: string): void {
    remember(this.#passes, shortName(key), this.now() + PASS_TIME)
  }
  unpass(key: string): void {
    this.#passes.delete(shortName(key))
  }

  /** By what the responses of a key vary, as far as is known. */
  varyNames(key: string): readonly string[] | undefined {
    return this.#varyNames.get(shortName(key))
  }
  noteVary(key: string, names: readonly string[]): void {
    remember(this.#varyNames, shortName(key), names)
  }

  /** Tells of a failure of the store. */
  failed(error: unknown, operation: string): null {
    const now = this.now()
    const isQuiet = now < this.#quietUntil
    if (!isQuiet) this.#quietUntil = now + QUIET
    this.#onFailure(operation, isQuiet ? null : reasonOf(error))
    return null
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MOST_REMEMBERED) return
  const [oldest] = map.keys()
  map.delete(oldest!)
}
