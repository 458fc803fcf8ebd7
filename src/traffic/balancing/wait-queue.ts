/** A request for which no target has room. */
export interface Waiter {
  /** Tries to send the request. If a target takes it, leaves the queue and returns true. */
  resume(): boolean
  /** Called when the request has waited for too long and has left the queue. */
  waitOver(): void
}

/** Requests that wait for an upstream whose targets are full: first come, first served, bounded in length and time. */
export class WaitQueue {
  readonly #max: number
  readonly #timeout: number
  readonly #hasRoom: () => boolean
  readonly #waiting = new Map<Waiter, NodeJS.Timeout>()
  #offering = false

  /**
   * @param max      most requests that wait
   * @param timeout  longest wait, in milliseconds
   * @param hasRoom  whether any target can take one more
   */
  constructor(max: number, timeout: number, hasRoom: () => boolean) {
    this.#max = max
    this.#timeout = timeout
    this.#hasRoom = hasRoom
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Adds a request at the end; false when the queue is full. */
  join(waiter: Waiter): boolean {
    if (this.#waiting.size >= this.#max) return false
    this.#waiting.set(waiter, setTimeout(() => this.#expire(waiter), this.#timeout).unref())
    return true
  }

  leave(waiter: Waiter): void {
    clearTimeout(this.#waiting.get(waiter))
    this.#waiting.delete(waiter)
  }

  /** Sends the requests that can be sent, in their order. Cheap when the queue is empty. */
  offer(): void {
    if (this.#waiting.size === 0 || this.#offering) return
    this.#offering = true
    try {
      for (const waiter of this.#waiting.keys()) {
        if (!this.#hasRoom()) return
        // a request that none of the free targets may serve keeps its place
        waiter.resume()
      }
    } finally {
      this.#offering = false
    }
  }

  /** Ends the wait of all requests. */
  close(): void {
    for (const waiter of this.#waiting.keys()) this.#expire(waiter)
  }

  #expire(waiter: Waiter): void {
    this.leave(waiter)
    waiter.waitOver()
  }
}
