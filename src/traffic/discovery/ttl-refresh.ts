import type { DnsAnswer } from './dns-client.ts'

/** Bounds of the time between two questions, in milliseconds. */
export interface RefreshBounds {
  least: number
  most: number
}

const BOUNDS: RefreshBounds = { least: 1000, most: 300_000 }
/** Where nothing says how long an answer counts. */
const DEFAULT_TTL = 30_000
/** Longest pause after failures. */
const LONGEST_PAUSE = 30_000

/** Who hears of the answers. */
export interface RefreshListener<T> {
  answered(value: T): void
  /** Called at the first failure after an answer only. */
  failed(error: Error): void
}

/** Asks a question again whenever the answer has become too old; after failures sooner, at growing distances. */
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

  /** Begins to ask. @returns when the first question has been answered, or not */
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
 * Milliseconds until the next question.
 * @param failures  in a row; 0 after an answer
 * @param ttl       of the answer
 */
export function pauseAfter(failures: number, ttl: number | undefined, { least, most }: RefreshBounds = BOUNDS): number {
  if (failures > 0) return Math.min(least * 2 ** Math.min(failures - 1, 20), Math.max(least, LONGEST_PAUSE), most)
  return Math.min(Math.max(ttl ?? DEFAULT_TTL, least), most)
}
