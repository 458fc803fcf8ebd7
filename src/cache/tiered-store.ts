import type { CacheKey, CacheStore, Purge } from './cache-store.ts'
import { MemoryStore } from './memory-store.ts'
import type { StoredResponse } from './stored-response.ts'

/** Tells other processes of purges, and hears of theirs. */
export interface PurgeChannel {
  publish (message: string): Promise<unknown>
  /**
   * @param onMessage  a purge of another process
   * @param onGap      messages may have been missed
   */
  listen (onMessage: (message: string) => void, onGap: () => void): void
  close (): void
}

/** The memory of this process in front of a store that others share. */
export class TieredStore implements CacheStore {
  readonly #memory: MemoryStore
  readonly #shared: CacheStore
  readonly #channel: PurgeChannel
  /** Messages of this process come back to it. */
  readonly #id = `${process.pid}-${Math.random().toString(36).slice(2)}`

  constructor (memory: MemoryStore, shared: CacheStore, channel: PurgeChannel) {
    this.#memory = memory
    this.#shared = shared
    this.#channel = channel
    channel.listen((message) => this.#hear(message), () => memory.close())
  }

  get (key: CacheKey): readonly StoredResponse[] | null | Promise<readonly StoredResponse[] | null> {
    return this.#memory.get(key) ?? this.#getShared(key)
  }

  async put (key: CacheKey, responses: readonly StoredResponse[]): Promise<void> {
    this.#memory.put(key, responses)
    await this.#shared.put(key, responses)
  }

  async purge (purge: Purge): Promise<number> {
    const here = this.#memory.purge(purge)
    const there = await this.#shared.purge(purge)
    // once more: a response may have been taken from the shared store meanwhile
    this.#memory.purge(purge)
    await this.#channel.publish(JSON.stringify({ ...purge, from: this.#id }))
    return Math.max(here, there)
  }

  close (): void {
    this.#memory.close()
    this.#channel.close()
  }

  async #getShared (key: CacheKey): Promise<readonly StoredResponse[] | null> {
    const found = await this.#shared.get(key)
    if (found !== null) this.#memory.put(key, found)
    return found
  }

  #hear (message: string): void {
    const purge = readPurge(message)
    if (purge !== null && purge.from !== this.#id) this.#memory.purge(purge)
  }
}

/** A message of another gateway; null when it is none. */
function readPurge (message: string): (Purge & { from: unknown }) | null {
  try {
    const { url, prefix, tag, soft, from } = JSON.parse(message) as Record<string, unknown>
    const [what, ...more] = Object.entries({ url, prefix, tag }).filter(([, value]) => value !== undefined)
    return what !== undefined && more.length === 0 && typeof what[1] === 'string' ? { [what[0]]: what[1], soft: soft === true, now: Date.now(), from } : null
  } catch {
    return null
  }
}
