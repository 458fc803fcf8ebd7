/** The failures of one key: scheme and address, perhaps with an account. */
export interface Tally {
  /** Failures in the current window. */
  failures: number
  /** Attempts in flight, each of which may become a failure. */
  reserved: number
  /** When the window ends, in milliseconds of the clock. */
  end: number
  /** Whether the shared count has been read in this window. */
  isShared: boolean
}

/**
 * Counts failures in fixed windows that start with the first attempt of a key. The number of keys is bounded, since
 * clients choose them (addresses and user names). A key without failures and attempts in flight takes no memory.
 */
export class FailureTallies {
  readonly #windowMs: number
  readonly #most: number
  readonly #now: () => number
  /** In the order in which the windows end. */
  readonly #tallies = new Map<string, Tally>()

  /**
   * @param most  most keys; beyond it the oldest one without attempts in flight is evicted
   * @param now   milliseconds of a monotonic clock
   */
  constructor(windowMs: number, most: number, now: () => number) {
    this.#windowMs = windowMs
    this.#most = most
    this.#now = now
  }

  get size(): number {
    return this.#tallies.size
  }

  /** The tally of a key in the current window. */
  get(key: string): Tally {
    const now = this.#now()
    let tally = this.#tallies.get(key)
    if (tally !== undefined && now < tally.end) return tally
    if (tally === undefined) {
      this.#makeRoom(now)
      tally = { failures: 0, reserved: 0, end: 0, isShared: false }
    } else this.#tallies.delete(key)
    tally.failures = 0
    tally.end = now + this.#windowMs
    tally.isShared = false
    this.#tallies.set(key, tally)
    return tally
  }

  /** Whether a key has at least so many failures in the current window. Creates no tally. */
  has(key: string, failures: number): boolean {
    const tally = this.#tallies.get(key)
    return tally !== undefined && tally.failures >= failures && this.#now() < tally.end
  }

  /** Ends an attempt. */
  release(key: string): void {
    const tally = this.get(key)
    tally.reserved--
    if (tally.reserved === 0 && tally.failures === 0) this.#tallies.delete(key)
  }

  /** Milliseconds until the window of a tally ends. */
  left(tally: Tally): number {
    return Math.max(0, tally.end - this.#now())
  }

  #makeRoom(now: number): void {
    for (const [key, { end, reserved }] of this.#tallies) {
      if (end > now && this.#tallies.size < this.#most) return
      if (reserved === 0) {
        this.#tallies.delete(key)
        if (end > now) return
      }
    }
  }
}

/** The count of a key in the shared store. */
export interface SharedCount {
  failures: number
  /** Milliseconds until the window ends. */
  leftMs: number
}

/** The part of a Redis client that is used. */
export interface FailureRedis {
  status: string
  eval(script: string, keys: number, ...words: (string | number)[]): Promise<unknown>
}

/** The braces keep all keys on one node of a cluster. */
const PREFIX = '{gatehouse}:failures:'

/**
 * Adds to the counts of keys and returns them. ARGV: the number to add, and the window in milliseconds. Returns two
 * numbers for each key: its count, and the milliseconds until its window ends.
 */
const COUNT = `
local answer = {}
for _, key in ipairs(KEYS) do
  local count = tonumber(redis.call('GET', key) or 0)
  if ARGV[1] ~= '0' then count = redis.call('INCRBY', key, ARGV[1]) end
  local left = redis.call('PTTL', key)
  if count > 0 and left < 0 then
    redis.call('PEXPIRE', key, ARGV[2])
    left = tonumber(ARGV[2])
  end
  answer[#answer + 1] = count
  answer[#answer + 1] = left
end
return answer
`

/**
 * Failure counts that several gateways share in Redis. A gateway reads the count of a key when it first sees it, and
 * with each failure that it adds. While Redis is away each gateway uses its own counts.
 */
export class SharedFailures {
  readonly #redis: () => FailureRedis | null
  readonly #windowMs: number

  /** @param redis  the client; null until it exists */
  constructor(redis: () => FailureRedis | null, windowMs: number) {
    this.#redis = redis
    this.#windowMs = windowMs
  }

  /** @returns null when Redis does not answer */
  read(keys: readonly string[]): Promise<SharedCount[] | null> {
    return this.#count(keys, 0)
  }
  add(keys: readonly string[]): Promise<SharedCount[] | null> {
    return this.#count(keys, 1)
  }

  async #count(keys: readonly string[], added: number): Promise<SharedCount[] | null> {
    const redis = this.#redis()
    if (redis?.status !== 'ready') return null
    try {
      const names = keys.map((key) => `${PREFIX}${this.#windowMs}:${key}`)
      const answer = (await redis.eval(COUNT, names.length, ...names, added, this.#windowMs)) as number[]
      return keys.map((_, i) => ({ failures: answer[2 * i]!, leftMs: answer[2 * i + 1]! }))
    } catch {
      // the connection logs that Redis is away
      return null
    }
  }
}
