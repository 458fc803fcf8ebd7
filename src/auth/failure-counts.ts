/** What one key (a scheme and an address, perhaps an account) has used of what it may fail. */
export interface Tally {
  /** Failures in the present window. */
  failures: number
  /** Attempts in flight, each of which may become a failure. */
  reserved: number
  /** When the window ends, by the clock of the tallies. */
  end: number
  /** Whether the count that other gateways share has been read. */
  isShared: boolean
}

/**
 * Counts failures in windows that begin with the first attempt of a key. The number of keys is bounded, since clients
 * choose them: addresses and user names. A key without failures takes no memory once its attempts have ended.
 */
export class FailureTallies {
  readonly #windowMs: number
  readonly #most: number
  readonly #now: () => number
  /** In the order in which their windows end. */
  readonly #tallies = new Map<string, Tally>()

  /**
   * @param most  keys that are remembered; past it the oldest one without attempts in flight is dropped
   * @param now   milliseconds of a clock that nobody sets back
   */
  constructor(windowMs: number, most: number, now: () => number) {
    this.#windowMs = windowMs
    this.#most = most
    this.#now = now
  }

  get size(): number {
    return this.#tallies.size
  }

  /** The tally of the key in the present window. */
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

  /** Whether a key has failed so often in the present window. Remembers nothing. */
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

/** What a shared store knows of a key. */
export interface SharedCount {
  failures: number
  /** Milliseconds until the window ends. */
  leftMs: number
}

/** What is needed of a Redis client. */
export interface FailureRedis {
  status: string
  eval(script: string, keys: number, ...words: (string | number)[]): Promise<unknown>
}

/** The braces keep the keys of one attempt on one node of a cluster. */
const PREFIX = '{gatehouse}:failures:'

/**
 * Reads the counts of keys, after adding to each. KEYS: one for each count. ARGV: what is added, and the window in
 * milliseconds. The answer has two numbers for each: the count, and the milliseconds until it ends.
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
 * Failures that several gateways share over Redis. A gateway reads them when it first sees a key, and with each failure
 * that it adds. While Redis is away each gateway goes by what it has counted itself.
 */
export class SharedFailures {
  readonly #redis: () => FailureRedis | null
  readonly #windowMs: number

  /** @param redis  the client; null as long as there is none */
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
      // the connection's own log says that Redis is away
      return null
    }
  }
}
