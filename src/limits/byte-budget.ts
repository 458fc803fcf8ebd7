import type { ServerResponse } from 'node:http'

/** A bound on the bytes that many requests hold in memory together. */
export class ByteBudget {
  readonly most: number
  held = 0

  /** @param most  bytes */
  constructor(most: number) {
    this.most = most
  }
}

/** The bytes that one request holds, until nothing uses them any more. */
export class HeldBytes {
  readonly #budget: ByteBudget
  #bytes = 0
  #users = 0
  #isReleased = false

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  /**
   * @param oneAlways  whether there is always room when nobody else holds any bytes
   * @returns whether there was room
   */
  take(bytes: number, oneAlways = false): boolean {
    const { held, most } = this.#budget
    if (this.#isReleased || (held + bytes > most && !(oneAlways && held === this.#bytes))) return false
    this.#budget.held += bytes
    this.#bytes += bytes
    return true
  }

  /**
   * Releases the bytes once all of these replies are closed.
   * @param work  uses the bytes too, until it settles
   */
  releaseAfter(replies: Iterable<{ raw: ServerResponse }>, work?: Promise<unknown>): void {
    const done = (): void => {
      if (--this.#users === 0) this.release()
    }
    this.#users++
    for (const { raw } of replies) {
      if (raw.closed) continue
      this.#users++
      raw.once('close', done)
    }
    if (work !== undefined) {
      this.#users++
      work.catch(() => {}).finally(done)
    }
    done()
  }

  release(): void {
    this.#isReleased = true
    this.#budget.held -= this.#bytes
    this.#bytes = 0
  }
}
