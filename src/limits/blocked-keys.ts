import { type Taken, RecentKeys } from './limiter.ts'

/** Longest time that a refusal is reused, in milliseconds: an operator may have reset the counter. */
const BELIEVED_MS = 10_000

interface Block {
  /** Requests of at least this cost are refused. */
  cost: number
  asked: number
  refusal: Taken
}

/**
 * Remembers refusals until they may be over, so that clients past a limit cost no round trip to Redis. It never refuses
 * a request that Redis would allow, since only time gives back what a limit has taken.
 */
export class BlockedKeys {
  readonly #blocks: RecentKeys<Block>

  /** @param size  most keys */
  constructor(size: number) {
    this.#blocks = new RecentKeys(size)
  }

  get size(): number {
    return this.#blocks.size
  }
  clear(): void {
    this.#blocks.clear()
  }

  /** @param now  when the limit was asked, not when it answered */
  note(key: string, cost: number, now: number, refusal: Taken): void {
    this.#blocks.set(key, { cost, asked: now, refusal })
  }

  /** The refusal of a request, as of now; null when Redis must be asked. */
  refusal(key: string, cost: number, now: number): Taken | null {
    const block = this.#blocks.get(key)
    if (block === undefined) return null
    const passed = now - block.asked
    if (passed < 0 || passed >= Math.min(block.refusal.retryAfterMs, BELIEVED_MS)) {
      this.#blocks.delete(key)
      return null
    }
    if (cost < block.cost) return null
    const { remaining, resetMs, retryAfterMs } = block.refusal
    return { allowed: false, remaining, resetMs: resetMs - passed, retryAfterMs: retryAfterMs - passed }
  }
}
