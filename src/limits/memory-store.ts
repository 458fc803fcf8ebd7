import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'

type Counted = (error: null, result: { current: number, ttl: number }) => void

interface Window {
  count: number
  /** Milliseconds since 1970. */
  end: number
}

/**
 * The store of @fastify/rate-limit for limits of one process: fixed windows, the least recently used keys go first. The
 * plugin's own one hands out the object that it counts in, which the plugin reads some ticks later: requests that
 * come in one piece (pipelining) would all see the count of the last of them, and be refused together.
 * @param size  most keys that one limit remembers
 */
export function memoryLimitStore (size: number, now: () => number = () => Date.now()): FastifyRateLimitStoreCtor {
  class MemoryLimitStore {
    readonly #windows = new Map<string, Window>()

    incr (key: string, callback: Counted, timeWindow: number): void {
      const time = now()
      let window = this.#windows.get(key)
      if (window === undefined) {
        if (this.#windows.size >= size) this.#windows.delete(this.#windows.keys().next().value!)
      } else this.#windows.delete(key)
      // a clock that was set back must not make a window longer than it is
      if (window === undefined || time >= window.end || time < window.end - timeWindow) window = { count: 0, end: time + timeWindow }
      window.count++
      this.#windows.set(key, window)
      callback(null, { current: window.count, ttl: window.end - time })
    }

    /** Each limiter counts by itself. */
    child (): FastifyRateLimitStore {
      return new MemoryLimitStore() as unknown as FastifyRateLimitStore
    }
  }
  return MemoryLimitStore as unknown as FastifyRateLimitStoreCtor
}
