import type { Cluster, Command, Redis } from 'ioredis'

/** Milliseconds between two checks of the pending commands. */
const TICK = 100
/**
 * Most time that one check counts. If the process was busy for longer, the delay is its own and not that of Redis.
 */
const MOST_A_TICK = 2 * TICK
/** Most pending commands. */
const MOST_WAITING = 10_000

/**
 * Detects a Redis that does not answer, even while this process or the machine is busy. A command fails when it has
 * waited for `patience`, or when too many are pending. When Redis has answered nothing at all for `patience`, its
 * connection is closed, which fails all pending commands, and the client reconnects.
 *
 * Only time in which this process could read answers counts: the clock advances by at most `MOST_A_TICK` from one check
 * to the next.
 */
export class CommandWatch {
  /** Milliseconds. */
  patience: number
  readonly #onSilence: () => void
  /** Pending commands, the oldest first, with the time at which they were sent. */
  readonly #waiting = new Map<Command, number>()
  #timer: NodeJS.Timeout | null = null
  /** The clock of this class, and when it was last advanced by the monotonic clock. */
  #time = 0
  #lookedAt = 0
  #answeredAt = 0

  /** @param onSilence  called when Redis has answered nothing for `patience` */
  constructor(patience: number, onSilence: () => void) {
    this.patience = patience
    this.#onSilence = onSilence
  }

  /** Watches the commands of a client from now on. */
  follow(client: Redis | Cluster): void {
    const send = client.sendCommand.bind(client) as (command: Command, ...more: unknown[]) => unknown
    client.sendCommand = (command: Command, ...more: unknown[]): unknown =>
      this.begin(command) ? send(command, ...more) : command.promise
  }

  /** @returns whether the command may be sent */
  begin(command: Command): boolean {
    if (this.#waiting.size >= MOST_WAITING) {
      command.reject(new Error('too many commands wait for Redis'))
      return false
    }
    if (this.#timer === null) {
      this.#lookedAt = performance.now()
      this.#answeredAt = this.#time
      this.#timer = setInterval(() => this.#look(), TICK).unref()
    }
    if (this.#waiting.has(command)) return true
    this.#waiting.set(command, this.#time + Math.min(performance.now() - this.#lookedAt, MOST_A_TICK))
    command.promise
      .then(() => this.#over(command, true))
      .catch((error: Error) => this.#over(command, error.name === 'ReplyError'))
    return true
  }

  #over(command: Command, isAnswer: boolean): void {
    this.#waiting.delete(command)
    if (isAnswer) this.#answeredAt = this.#time
    if (this.#waiting.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #look(): void {
    const now = performance.now()
    this.#time += Math.min(now - this.#lookedAt, MOST_A_TICK)
    this.#lookedAt = now
    let isLate = false
    for (const [command, sentAt] of this.#waiting) {
      if (this.#time - sentAt < this.patience) break
      isLate = true
      command.reject(new Error(`no answer from Redis within ${this.patience} ms`))
    }
    if (isLate && this.#time - this.#answeredAt >= this.patience) this.#onSilence()
  }
}
