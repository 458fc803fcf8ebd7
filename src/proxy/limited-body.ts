import { Transform, type TransformCallback } from 'node:stream'
import { gatehouseError } from '../errors.ts'

/** Passes a body of unknown length on until it is longer than allowed. */
export class LimitedBody extends Transform {
  readonly #limit: number
  #seen = 0
  #copy: { chunks: Buffer[]; most: number; done: (whole: Buffer | null) => void } | null = null

  /** @param limit  bytes */
  constructor(limit: number) {
    super()
    this.#limit = limit
    // whoever sends it on listens; one that ends before or after that must not end the process
    this.on('error', () => {})
  }

  /**
   * Copies the body as it passes.
   * @param most  bytes; of a longer body there is no copy
   * @param done  is given the whole copy, or null when there is none; called once
   */
  copyTo(most: number, done: (whole: Buffer | null) => void): void {
    this.#copy = { chunks: [], most, done }
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#seen += chunk.length
    if (this.#copy !== null) {
      if (this.#seen > this.#copy.most) this.#endCopy(false)
      else this.#copy.chunks.push(chunk)
    }
    if (this.#seen > this.#limit) callback(gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } }))
    else callback(null, chunk)
  }

  override _flush(callback: TransformCallback): void {
    this.#endCopy(true)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#endCopy(false)
    callback(error)
  }

  #endCopy(whole: boolean): void {
    const copy = this.#copy
    this.#copy = null
    copy?.done(whole ? Buffer.concat(copy.chunks) : null)
  }
}
