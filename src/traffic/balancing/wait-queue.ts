/** A request for which no target has room. */
export interface Waiter {
  /** Tries to be sent; leaves the queue and says true when a target takes it. */
  resume(): boolean
  /** It has left the queue because it has waited for too long. */
  waitOver(): void
}

/** The line before an upstream whose targets are full: bounded in length and time, first come, first served. */
export class WaitQueue {
  readonly #max: number
  readonly #timeout: number
  readonly #hasRoom: () => boolean
  readonly #waiting = new Map<Waiter, NodeJS.Timeout>()
  #offering = false

  /**
   * @param max      most requests that wait
   * @param timeout  longest wait, in milliseconds
   * @param hasRoom  whether any target could take one more
   */
  constructor(max: number, timeout: number, hasRoom: () => boolean) {
    this.#max = max
    this.#timeout = timeout
    this.#hasRoom = hasRoom
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Goes to the end of the line; false when it is full. */
  join(waiter: Waiter): boolean {
    if (this.#waiting.size >= this.#max) return false
    this.#waiting.set(waiter, setTimeout(() => this.#expire(waiter), this.#timeout).unref())
    return true
  }

  leave(waiter: Waiter): void {
    clearTimeout(this.#waiting.get(waiter))
    this.#waiting.delete(waiter)
  }

  /** Serves who can be served, in their order. Cheap when nobody waits. */
  offer(): void {
    if (this.#waiting.size === 0 || this.#offering) return
    this.#offering = true
    try {
      for (const waiter of this.#waiting.keys()) {
        if (!this.#hasRoom()) return
        // one that no target with room is for keeps its place
        waiter.resume()
      }
    } finally {
      this.#offering = false
    }
  }

  /** Sends all away. */
  close(): void {
    for (const waiter of this.#waiting.keys()) this.#expire(waiter)
  }

  #expire(waiter: Waiter): void {
    this.leave(waiter)
    waiter.waitOver()
  }
}
