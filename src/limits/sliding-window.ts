import { type MemoryLimiter, type Taken, RecentKeys } from './limiter.ts'

/** Into how many steps a window is divided; memory for each key and the exactness of the limit grow with it. */
export const STEPS = 32

/** Requests that came within one step, and count together. */
interface Entry {
  first: number
  /** Until a window after it, all of the entry counts. */
  last: number
  count: number
}

interface Log {
  /** In the order of time; at most `STEPS` + 1. */
  entries: Entry[]
  total: number
}

/**
 * Never allows more than `max` in any stretch of time that is as long as the window. It is a log of requests, of which
 * those within a thirty-second of the window share one entry: that counts until its last request is a window ago, so
 * the limit is never passed, and what is used comes back at most a thirty-second of the window late.
 */
export class SlidingWindow implements MemoryLimiter {
  readonly #max: number
  readonly #windowMs: number
  readonly #logs: RecentKeys<Log>

  /** @param size  most keys that are remembered */
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
    this.#forget(log, now)
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

  /** Takes out what is a window ago. */
  #forget(log: Log, now: number): void {
    const { entries } = log
    // a clock that was set back: all of it is taken for as late as can be
    if (entries.length > 0 && entries.at(-1)!.last > now) {
      log.entries.splice(0, Infinity, { first: now, last: now, count: log.total })
    }
    let gone = 0
    while (gone < entries.length && now - entries[gone]!.last >= this.#windowMs) log.total -= entries[gone++]!.count
    if (gone > 0) entries.splice(0, gone)
  }

  /** When enough has come back. */
  #enoughAt({ entries, total }: Log, cost: number, now: number): number {
    let used = total
    for (const { last, count } of entries) {
      used -= count
      if (used + cost <= this.#max) return last + this.#windowMs
    }
    return now + this.#windowMs
  }
}
