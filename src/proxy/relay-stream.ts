import { Readable } from 'node:stream'

/** Where a response comes from. */
export interface ResponseSource {
  /** Sends nothing for a while. */
  pause(): void
  resume(): void
  /** The rest is not wanted. */
  cancel(): void
  /** The client gets its answer from now on, so that the exchange may take as long as that does. */
  streams(): void
}

/** Bytes that may wait for the client. */
const WAITING = 64 * 1024

/** A response body under way; a full buffer pauses the upstream's connection, an early end closes it. */
export class RelayStream extends Readable {
  readonly #source: ResponseSource

  constructor(source: ResponseSource) {
    super({ highWaterMark: WAITING })
    this.#source = source
  }

  override _read(): void {
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.readableEnded) this.#source.cancel()
    callback(error)
  }
}
