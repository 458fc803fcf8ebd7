import { Transform, type TransformCallback } from 'node:stream'
import { gatehouseError } from '../errors.ts'

/** Passes a body of unknown length on until it is longer than allowed. */
export class LimitedBody extends Transform {
  readonly #limit: number
  #seen = 0

  /** @param limit  bytes */
  constructor (limit: number) {
    super()
    this.#limit = limit
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#seen += chunk.length
    if (this.#seen > this.#limit) callback(gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } }))
    else callback(null, chunk)
  }
}
