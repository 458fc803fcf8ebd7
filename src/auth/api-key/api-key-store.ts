import type { ApiKey, ApiKeys } from './api-key.ts'
import { readyClient } from '../../redis/ready-client.ts'
import { authUnavailable } from '../challenge.ts'
import { indexOf } from './api-key-hash.ts'

/** A store of keys, which are looked up by their index. */
export interface KeyStore {
  /** The key, if it is known without asking. */
  peek(index: string): ApiKey | undefined
  /**
   * The key, fetched if necessary; undefined when there is none.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when the store is not available
   */
  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined>
}

/** The keys of the configuration, of the keys file, which may change, and of another store, in this order. */
export class KeyRing implements KeyStore {
  readonly #configured: ApiKeys
  readonly #next: KeyStore | undefined
  #filed: ApiKeys = new Map()

  constructor(configured: ApiKeys, next?: KeyStore) {
    this.#configured = configured
    this.#next = next
  }

  /** Replaces the keys of the file. */
  replace(filed: ApiKeys): void {
    this.#filed = filed
  }

  peek(index: string): ApiKey | undefined {
    return this.#configured.get(index) ?? this.#filed.get(index) ?? this.#next?.peek(index)
  }

  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.#configured.get(index) ?? this.#filed.get(index) ?? this.#next?.find(index)
  }
}

/** The Redis hash with all keys: the index of a key, as hexadecimal digits, to its entry as JSON. */
export const REDIS_KEYS = 'gatehouse:api-keys'
/** Most keys that are cached. */
const REMEMBERED = 10_000
/** Longest entry that is read, in characters. */
const LONGEST = 65_536

/** The part of a Redis client that is used. */
export interface KeyRedis {
  status: string
  connect(): Promise<unknown>
  hget(hash: string, field: string): Promise<string | null>
}

export interface RedisKeysOptions {
  /** The client; null until it exists. */
  redis: () => KeyRedis | null
  /** Parses an entry; null when it is not valid. */
  read: (text: string) => ApiKey | null
  /** Milliseconds after which Redis is asked again. */
  refreshMs: number
  /** Milliseconds for which a key works without Redis. */
  graceMs: number
  now?: () => number
}

/** The field of a key in the Redis hash. */
export const fieldOf = (index: string): string => Buffer.from(index, 'latin1').toString('hex')

/**
 * Keys in Redis. Found keys are cached for a while, and for longer (`graceMs`) while Redis is away.
 */
export class RedisKeys implements KeyStore {
  readonly #options: RedisKeysOptions
  readonly #now: () => number
  readonly #read = new Map<string, { key: ApiKey; at: number }>()

  constructor(options: RedisKeysOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  peek(index: string): ApiKey | undefined {
    return this.#within(index, this.#options.refreshMs)
  }

  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.peek(index) ?? this.#fetch(index)
  }

  #within(index: string, ms: number): ApiKey | undefined {
    const read = this.#read.get(index)
    if (read === undefined) return undefined
    const age = this.#now() - read.at
    return age >= 0 && age < ms ? read.key : undefined
  }

  async #fetch(index: string): Promise<ApiKey | undefined> {
    let text: string | null
    try {
      text = await this.#ask(index)
    } catch (error) {
      const known = this.#within(index, this.#options.graceMs)
      if (known === undefined) throw authUnavailable(error)
      return known
    }
    this.#read.delete(index)
    const key = text === null || text.length > LONGEST ? null : this.#options.read(text)
    // an entry under the index of another key would survive the revocation of its own field
    if (key === null || indexOf(key.digest) !== index) return undefined
    if (this.#read.size >= REMEMBERED) this.#read.delete(this.#read.keys().next().value!)
    this.#read.set(index, { key, at: this.#now() })
    return key
  }

  async #ask(index: string): Promise<string | null> {
    const redis = this.#options.redis()
    // the first command of the process, as in `gatehouse explain`
    if (redis?.status === 'wait') await redis.connect()
    return readyClient(redis).hget(REDIS_KEYS, fieldOf(index))
  }
}
