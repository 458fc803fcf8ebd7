import { type MemoryLimiter, type Taken, RecentKeys } from './limiter.ts'

/** Steps of a window. More steps take more memory for each key, and give back used requests more precisely. */
export const STEPS = 32

/** Requests that came within one step. They count together. */
interface Entry {
  first: number
  /** The whole entry counts until one window after this. */
  last: number
  count: number
}

interface Log {
  /** Oldest first; at most `STEPS` + 1. */
  entries: Entry[]
  total: number
}

/**
 * Never allows more than `max` in any period as long as the window. It is a log of requests. Requests within 1/32 of the
 * window share one entry, which counts until its last request is one window ago. So the limit is never exceeded, and a
 * request stops counting at most 1/32 of the window late.
 */
export class SlidingWindow implements MemoryLimiter {
  readonly #max: number
  readonly #windowMs: number
  readonly #logs: RecentKeys<Log>

  /** @param size  most keys */
  constructor(max: number, windowMs: number, size: number) {
    this.#max = max
    this.#windowMs = windowMs
    this.#logs = new RecentKeys(size)
  }

  take(key: string, cost: number, now: number): Taken {
    let log = this.#logs.get(key)
    if (log === undefined) {
      log = { entries: [], total: 0 }
      this.#logs.set(key, log)
    }
    this.#expire(log, now)
    const { entries } = log
    const newest = entries.at(-1)
    if (log.total + cost > this.#max) {
      return {
        allowed: false,
        remaining: this.#max - log.total,
        resetMs: (newest?.last ?? now) + this.#windowMs - now,
        retryAfterMs: this.#enoughAt(log, cost, now) - now,
      }
    }
    log.total += cost
    if (newest !== undefined && (now - newest.first) * STEPS < this.#windowMs) {
      newest.last = now
      newest.count += cost
    } else entries.push({ first: now, last: now, count: cost })
    return { allowed: true, remaining: this.#max - log.total, resetMs: this.#windowMs, retryAfterMs: 0 }
  }

  give(key: string, cost: number): void {
    const log = this.#logs.get(key)
    const newest = log?.entries.at(-1)
    if (log === undefined || newest === undefined) return
    log.total -= cost
    newest.count -= cost
    if (newest.count <= 0) log.entries.pop()
  }

  /** Removes entries that are one window old. */
  #expire(log: Log, now: number): void {
    const { entries } = log
    // the clock was set back: treat all requests as if they came now
    if (entries.length > 0 && entries.at(-1)!.last > now) {
      log.entries.splice(0, Infinity, { first: now, last: now, count: log.total })
    }
    let gone = 0
    while (gone < entries.length && now - entries[gone]!.last >= this.#windowMs) log.total -= entries[gone++]!.count
    if (gone > 0) entries.splice(0, gone)
  }

  /** The time at which the request will fit. */
  #enoughAt({ entries, total }: Log, cost: number, now: number): number {
    let used = total
    for (const { last, count } of entries) {
      used -= count
      if (used + cost <= this.#max) return last + this.#windowMs
    }
    return now + this.#windowMs
  }
}
