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
