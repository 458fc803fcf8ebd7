import { replaces } from '../../cache/byte-range.ts'
import { type CacheKey, shortName } from '../../cache/cache-key.ts'
import type { CachePolicy } from '../../cache/cache-policy.ts'
import type { CacheStore, Found } from '../../cache/cache-store.ts'
import { isPurged, type Purge } from '../../cache/purge.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { reasonOf } from '../../errors.ts'
import { ByteBudget } from '../../limits/byte-budget.ts'

/** The cache of a route. */
export interface RouteCache {
  readonly cache: ResponseCache
  /** Null when nothing is cached: unsafe requests only purge what other routes have stored. */
  readonly policy: CachePolicy | null
  /** Tells apart routes for one URL that differ by request headers; `''` for the only one. */
  readonly route: string
}

/** A fetch in flight that other requests may join. */
export interface SharedFetch {
  /** @returns false when its answer cannot serve the client */
  join(client: object): boolean
}

/** How long requests for a key do not wait for one another after an answer that could not be shared. Milliseconds. */
const HIT_FOR_MISS_TIME = 60_000
/** Most keys for which hit-for-miss, or the `Vary` fields, are remembered. */
const MOST_REMEMBERED = 10_000
/** How long further failures of the store are counted, but not logged. Milliseconds. */
const QUIET = 10_000
/** Most milliseconds that the answer to a write waits for its purge. */
const INVALIDATION_TIMEOUT = 500
/** How many purges are remembered for the fetches in flight. */
const MOST_PURGES = 200

/** @param reason  for the log; null while failures are only counted */
type OnFailure = (operation: string, reason: string | null) => void

/** The stored responses of a gateway, and the fetches in flight. */
export class ResponseCache {
  /** Replaced at boot by a shared store. */
  store: CacheStore
  /** Fetches that other requests may join, by name. */
  readonly fetches = new Map<string, SharedFetch>()
  /** The bytes of answers that are being stored. */
  readonly inFlight: ByteBudget
  /** Number of requests by upstream and outcome. */
  readonly counts = new Map<string, Map<string, number>>()
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly #hitForMiss = new Map<string, number>()
  readonly #varyFields = new Map<string, readonly string[]>()
  readonly #onFailure: OnFailure
  /** The latest purges. Fetches that began before one must not store what it names. */
  readonly #purges: Purge[] = []
  /** Number of purges so far. */
  purgeCount = 0
  #quietUntil = 0

  /** @param onFailure  called when the store fails; the request is then a miss */
  constructor(store: CacheStore, onFailure: OnFailure, now = () => Date.now(), inFlight = new ByteBudget(Infinity)) {
    this.store = store
    this.#onFailure = onFailure
    this.now = now
    this.inFlight = inFlight
  }

  count(upstream: string, outcome: string): void {
    let counts = this.counts.get(upstream)
    if (counts === undefined) this.counts.set(upstream, (counts = new Map()))
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }

  /** The responses of a key. A store that fails has none. */
  find(key: CacheKey): Found | Promise<Found> {
    const found = this.store.get(key)
    return found instanceof Promise ? found.catch((error) => this.failed(error, 'get')) : found
  }

  /**
   * Stores a response in place of those that it replaces. Does nothing if it was purged while it was fetched: it may be
   * from before the change.
   * @param since  `purgeCount` when the fetch began
   */
  async save(key: CacheKey, response: StoredResponse, since: number): Promise<void> {
    const isCurrent = (): boolean => !this.isPurgedSince(since, key, response.tags)
    if (!isCurrent()) return
    await this.#reportFailure('put', () => this.store.add(key, response, isCurrent))
  }

  /** Removes one response of a key. */
  async remove(key: CacheKey, response: StoredResponse): Promise<void> {
    const since = this.purgeCount
    await this.#reportFailure('put', async () => {
      const before = (await this.store.get(key)) ?? []
      // compared by time, because a shared store returns new objects each time
      const left = before.filter((other) => other.storedAt !== response.storedAt || !replaces(other, response))
      if (left.length === before.length) return
      const tags = left.flatMap((other) => other.tags)
      await this.store.put(key, left, () => !this.isPurgedSince(since, key, tags))
    })
  }

  /**
   * Purges the URLs that a write has changed.
   * @returns null when that is done at once, as in memory; else a promise that resolves when the shared store has done
   *   it too, has failed, or has not answered for 500 ms. In the last two cases the store still owes the purges: it
   *   reads nothing that they match, and does them as soon as it can.
   */
  invalidate(urls: readonly string[]): Promise<void> | null {
    const pending: Promise<unknown>[] = []
    for (const url of urls) {
      const purging = this.purgeOrFail({ url, soft: false })
      if (purging instanceof Promise) pending.push(purging.catch((error) => this.failed(error, 'purge')))
    }
    return pending.length === 0 ? null : this.#withTimeout(Promise.all(pending))
  }

  async #withTimeout(work: Promise<unknown>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const error = new Error(`no answer within ${INVALIDATION_TIMEOUT} ms`)
    const timer = setTimeout(reject, INVALIDATION_TIMEOUT, error)
    await this.#reportFailure('purge', () => Promise.race([work, late]))
    clearTimeout(timer)
  }

  /** Purges. Rejects when the store fails; the fetches in flight store nothing that is purged in either case. */
  purgeOrFail(purge: Purge): number | Promise<number> {
    this.notePurge(purge)
    return this.store.purge({ ...purge, now: this.now() })
  }

  /** Remembers a purge of this or another process, for the fetches in flight. */
  notePurge(purge: Purge): void {
    this.purgeCount++
    this.#purges.push(purge)
    if (this.#purges.length > MOST_PURGES) this.#purges.shift()
  }

  /** Whether a response may be from before a purge. @param since  `purgeCount` when its fetch began */
  isPurgedSince(since: number, { url }: CacheKey, tags: readonly string[]): boolean {
    const meanwhile = this.purgeCount - since
    if (meanwhile === 0) return false
    // more purges than are remembered: any of them may have named it
    if (meanwhile > this.#purges.length) return true
    return this.#purges
      .slice(-meanwhile)
      .some((purge) => (purge.tag === undefined ? isPurged(url, purge) : tags.includes(purge.tag)))
  }

  /** Whether requests for this name do not wait for one another, because a recent answer could not be shared. */
  isHitForMiss(name: string): boolean {
    const short = shortName(name)
    const until = this.#hitForMiss.get(short)
    if (until === undefined) return false
    if (until > this.now()) return true
    this.#hitForMiss.delete(short)
    return false
  }

  markHitForMiss(name: string): void {
    remember(this.#hitForMiss, shortName(name), this.now() + HIT_FOR_MISS_TIME)
  }
  clearHitForMiss(name: string): void {
    this.#hitForMiss.delete(shortName(name))
  }

  /** The fields of `Vary` in the latest answer for a name, if known. */
  varyFields(name: string): readonly string[] | undefined {
    return this.#varyFields.get(shortName(name))
  }
  noteVary(name: string, fields: readonly string[]): void {
    remember(this.#varyFields, shortName(name), fields)
  }

  /** Reports a failure of the store. */
  failed(error: unknown, operation: string): null {
    const now = this.now()
    const isQuiet = now < this.#quietUntil
    if (!isQuiet) this.#quietUntil = now + QUIET
    this.#onFailure(operation, isQuiet ? null : reasonOf(error))
    return null
  }

  async #reportFailure(operation: string, work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.failed(error, operation)
    }
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MOST_REMEMBERED) return
  const [oldest] = map.keys()
  map.delete(oldest!)
}
