import type { ServerResponse } from 'node:http'

/**
 * Counts the bytes of all responses that are being stored: from their arrival until they are in the store and every
 * client that shares them has taken them or is gone.
 */
export class FillMemory {
  readonly most: number
  held = 0

  /** @param most  bytes */
  constructor(most: number) {
    this.most = most
  }
}

/** What one response holds of the memory for all of them. */
export class FillHold {
  readonly #memory: FillMemory
  #bytes = 0
  /** What still needs the bytes. */
  #users = 1

  constructor(memory: FillMemory) {
    this.#memory = memory
  }

  /** @returns whether there was room */
  take(bytes: number): boolean {
    const memory = this.#memory
    if (memory.held + bytes > memory.most) return false
    memory.held += bytes
    this.#bytes += bytes
    return true
  }

  /**
   * Gives the bytes back once nobody needs them. To be called once, when no more bytes come.
   * @param readers  clients that share the response
   * @param saved    settles when it is in the store; undefined when it is not stored
   */
  end(readers: Iterable<{ reply: { raw: ServerResponse } }>, saved: Promise<unknown> | undefined): void {
    if (this.#bytes === 0) return
    const release = (): void => this.#release()
    if (saved !== undefined) {
      this.#users++
      saved.catch(() => {}).finally(release)
    }
    for (const {
      reply: { raw },
    } of readers) {
      if (raw.closed) continue
      this.#users++
      raw.once('close', release)
    }
    this.#release()
  }

  #release(): void {
    if (--this.#users > 0) return
    this.#memory.held -= this.#bytes
    this.#bytes = 0
  }
}
