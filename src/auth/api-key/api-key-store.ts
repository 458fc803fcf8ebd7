import type { ApiKey, ApiKeys } from './api-key.ts'
import { authUnavailable } from '../challenge.ts'
import { indexOf } from './api-key-hash.ts'

/** Where keys are looked up, by their index. */
export interface KeyStore {
  /** The key, if it is known at this moment. */
  peek(index: string): ApiKey | undefined
  /**
   * The key, wherever it has to be got from; undefined when there is none.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say
   */
  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined>
}

/** Keys of the configuration and of the keys file, which changes, and then those of another store. */
export class KeyRing implements KeyStore {
  readonly #configured: ApiKeys
  readonly #next: KeyStore | undefined
  #filed: ApiKeys = new Map()

  constructor(configured: ApiKeys, next?: KeyStore) {
    this.#configured = configured
    this.#next = next
  }

  /** Takes these keys for those that the file had before. */
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

/** The Redis hash of all keys: index of the key, in hexadecimal digits, to its entry as JSON. */
export const REDIS_KEYS = 'gatehouse:api-keys'
/** Most keys that are remembered. */
const REMEMBERED = 10_000
/** Longest entry that is read, in characters. */
const LONGEST = 65_536

/** What is needed of a Redis client. */
export interface KeyRedis {
  status: string
  connect(): Promise<unknown>
  hget(hash: string, field: string): Promise<string | null>
}

export interface RedisKeysOptions {
  /** The client; null as long as there is none. */
  redis: () => KeyRedis | null
  /** Makes a key of an entry; null when it is none. */
  read: (text: string) => ApiKey | null
  /** Milliseconds after which Redis is asked again. */
  refreshMs: number
  /** Milliseconds for which a key works without Redis. */
  graceMs: number
  now?: () => number
}

/** Field of the Redis hash. */
export const fieldOf = (index: string): string => Buffer.from(index, 'latin1').toString('hex')

/**
 * Keys in Redis. Those that exist are remembered for a while; while Redis is away they go on working for the time of
 * grace.
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
    // a field whose entry is another key's would live on under the name of the field when that is revoked
    if (key === null || indexOf(key.digest) !== index) return undefined
    if (this.#read.size >= REMEMBERED) this.#read.delete(this.#read.keys().next().value!)
    this.#read.set(index, { key, at: this.#now() })
    return key
  }

  async #ask(index: string): Promise<string | null> {
    const redis = this.#options.redis()
    // nobody listens yet, as in `gatehouse explain`
    if (redis?.status === 'wait') await redis.connect()
    // the client would say the same, with a stack that nobody reads
    if (redis?.status !== 'ready') throw AWAY
    return redis.hget(REDIS_KEYS, fieldOf(index))
  }
}

const AWAY = new Error('Redis is away')
