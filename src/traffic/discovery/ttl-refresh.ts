import type { DnsAnswer } from './dns-client.ts'

/** Bounds of the time between two queries, in milliseconds. */
export interface RefreshBounds {
  least: number
  most: number
}

const BOUNDS: RefreshBounds = { least: 1000, most: 300_000 }
/** Lifetime of an answer without a TTL. */
const DEFAULT_TTL = 30_000
/** Longest pause after failures. */
const LONGEST_PAUSE = 30_000

/** Gets the answers. */
export interface RefreshListener<T> {
  answered(value: T): void
  /** Called only at the first failure after an answer. */
  failed(error: Error): void
}

/** Repeats a query whenever its answer has expired. After failures it retries sooner, with growing pauses. */
export class TtlRefresh<T> {
  readonly #ask: () => Promise<DnsAnswer<T>>
  readonly #listener: RefreshListener<T>
  readonly #bounds: RefreshBounds
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(ask: () => Promise<DnsAnswer<T>>, listener: RefreshListener<T>, bounds = BOUNDS) {
    this.#ask = ask
    this.#listener = listener
    this.#bounds = bounds
  }

  /** Starts. Resolves after the first query, successful or not. */
  async start(): Promise<void> {
    let ttl: number | undefined
    try {
      const answer = await this.#ask()
      if (this.#closed) return
      ttl = answer.ttl
      this.#failures = 0
      this.#listener.answered(answer.value)
    } catch (error) {
      if (this.#closed) return
      if (this.#failures++ === 0) this.#listener.failed(error as Error)
    }
    this.#timer = setTimeout(
      () => {
        this.start().catch(() => {})
      },
      pauseAfter(this.#failures, ttl, this.#bounds),
    ).unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }
}

/**
 * Milliseconds until the next query.
 * @param failures  in a row; 0 after an answer
 * @param ttl       of the answer
 */
export function pauseAfter(failures: number, ttl: number | undefined, { least, most }: RefreshBounds = BOUNDS): number {
  if (failures > 0) return Math.min(least * 2 ** Math.min(failures - 1, 20), Math.max(least, LONGEST_PAUSE), most)
  return Math.min(Math.max(ttl ?? DEFAULT_TTL, least), most)
}
