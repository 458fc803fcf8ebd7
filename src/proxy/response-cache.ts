import type { CachePolicy } from '../cache/cache-policy.ts'
import type { CacheKey, CacheStore, Purge } from '../cache/cache-store.ts'
import { withResponse } from '../cache/partial-content.ts'
import type { StoredResponse } from '../cache/stored-response.ts'
import { reasonOf } from '../errors.ts'
import type { Target } from '../upstream/target.ts'

/** A request to an upstream whose answer is for several clients. */
export interface SharedFill {
  /** The one that answers. */
  readonly target: Target | null
  /** @returns whether the reader can have the answer */
  join (reader: any): boolean
  /** The client is gone. */
  leave (reader: any): void
  /** A reader takes more again. */
  readerReady (): void
  /** The clients get their answer from now on. */
  streams (): void
  now (): number
}

/** What a route has of the cache. */
export interface RouteCache {
  readonly cache: ResponseCache
  /** Null where nothing is cached, and unsafe requests only put out what others have stored. */
  readonly policy: CachePolicy | null
  /** Tells routes for one URL apart, which the request's headers do; `''` for the only one. */
  readonly route: string
}

/** How long misses of a key are not made to wait for one another, after an answer that could not be stored. Milliseconds. */
const PASS_TIME = 60_000
/** Most keys of which that is remembered, and most of which it is known what they vary by. */
const MOST_REMEMBERED = 10_000
/** Most variants of one key. */
const MOST_VARIANTS = 32

type Log = (reason: string, operation: string) => void

/** The stored responses of a gateway, with the requests that are under way for more. */
export class ResponseCache {
  readonly store: CacheStore
  /** Requests to upstreams that others may share. */
  readonly fills = new Map<string, SharedFill>()
  /** Requests by upstream and by what the cache has done. */
  readonly counts = new Map<string, Map<string, number>>()
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly #passes = new Map<string, number>()
  readonly #varyNames = new Map<string, readonly string[]>()
  readonly #log: Log

  /** @param log  told when the store fails, which makes a miss of it */
  constructor (store: CacheStore, log: Log, now = () => Date.now()) {
    this.store = store
    this.#log = log
    this.now = now
  }

  /** Counts what the cache has done about a request. */
  count (upstream: string, result: string): void {
    let counts = this.counts.get(upstream)
    if (counts === undefined) this.counts.set(upstream, counts = new Map())
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }

  /** What is stored under a key, the latest last. A store that fails has nothing. */
  find (key: CacheKey): readonly StoredResponse[] | null | Promise<readonly StoredResponse[] | null> {
    const found = this.store.get(key)
    return found instanceof Promise ? found.catch((error) => this.#failed(error, 'get')) : found
  }

  /** Stores a response in place of those that it replaces. */
  async save (key: CacheKey, response: StoredResponse): Promise<void> {
    try {
      const before = await this.store.get(key) ?? []
      await this.store.put(key, withResponse(before, response).slice(-MOST_VARIANTS))
    } catch (error) {
      this.#failed(error, 'put')
    }
  }

  /** Forgets one response. */
  async forget (key: CacheKey, response: StoredResponse): Promise<void> {
    try {
      const before = await this.store.get(key)
      if (before?.includes(response)) await this.store.put(key, before.filter((other) => other !== response))
    } catch (error) {
      this.#failed(error, 'put')
    }
  }

  /** Forgets what an unsafe request may have changed. */
  async purge (purge: Omit<Purge, 'now'>): Promise<number> {
    try {
      return await this.store.purge({ ...purge, now: this.now() })
    } catch (error) {
      this.#failed(error, 'purge')
      return 0
    }
  }

  /** Whether answers of this key could lately not be stored. */
  isPassed (key: string): boolean {
    const until = this.#passes.get(key)
    if (until === undefined) return false
    if (until > this.now()) return true
    this.#passes.delete(key)
    return false
  }

  pass (key: string): void { remember(this.#passes, key, this.now() + PASS_TIME) }
  unpass (key: string): void { this.#passes.delete(key) }

  /** By what the responses of a key vary, as far as is known. */
  varyNames (key: string): readonly string[] | undefined { return this.#varyNames.get(key) }
  noteVary (key: string, names: readonly string[]): void { remember(this.#varyNames, key, names) }

  #failed (error: unknown, operation: string): null {
    this.#log(reasonOf(error), operation)
    return null
  }
}

function remember<T> (map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MOST_REMEMBERED) return
  const [oldest] = map.keys()
  map.delete(oldest!)
}
