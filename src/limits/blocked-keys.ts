import { type Taken, RecentKeys } from './limiter.ts'

/** Longest that a refusal is believed without asking again, in milliseconds: an operator may have emptied the count. */
const BELIEVED_MS = 10_000

interface Block {
  /** What a request must cost at least to be surely refused. */
  cost: number
  asked: number
  refusal: Taken
}

/**
 * Remembers refusals, each until it may be over: whoever is past a limit costs no round trip. None is refused that
 * would have been allowed, since nothing but time gives back what a limit has taken.
 */
export class BlockedKeys {
  readonly #blocks: RecentKeys<Block>

  /** @param size  most keys that are remembered */
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

  /** The refusal of a request as it is known beforehand; null when the limit must be asked. */
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
