import type { Cluster, Command, Redis } from 'ioredis'

/** Milliseconds between two looks at what waits for Redis. */
const TICK = 100
/**
 * Most that one look adds to the time that is counted. A process that was busy longer is the one that was late, not
 * Redis.
 */
const MOST_A_TICK = 2 * TICK
/** Most commands that wait for an answer. */
const MOST_WAITING = 10_000

/**
 * Tells a Redis that does not answer from a moment in which this process or the machine is busy. A command fails when
 * it has waited for `patience`, and so does one too many. When Redis has answered nothing at all for that long, its
 * connection is closed, which fails all commands that wait; a new one is made in the background.
 *
 * The time that counts is that in which this process was able to read an answer: it advances by at most `MOST_A_TICK`
 * from one turn of the event loop to the next.
 */
export class CommandWatch {
  /** Milliseconds. */
  patience: number
  readonly #onSilence: () => void
  /** Commands without an answer, the oldest first, with the time at which they were sent. */
  readonly #waiting = new Map<Command, number>()
  #timer: NodeJS.Timeout | null = null
  /** The time that counts, and when it was last looked at, by the monotonic clock. */
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
