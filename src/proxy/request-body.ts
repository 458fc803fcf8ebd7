import { type Readable, Transform, type TransformCallback } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { bodyGoesTo } from '../listener/body-clock.ts'
import { collectBody, heldUntilClosed } from '../validation/collected-body.ts'

/** Length up to which a body is collected before a target is chosen. Bytes. */
const SMALL = 64 * 1024

interface Limited {
  /** Bytes. */
  readonly bodyLimit: number
}

const tooLarge = (): GatehouseError => gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })

/**
 * Whether the body of a request is collected before it is sent: its stated length is small, and there is room for it. A
 * client that sends it slowly then occupies no slot of the upstream, and the request can be sent again.
 */
export function isSmall({ rawBody, raw: { headers }, server }: FastifyRequest, { bodyLimit }: Limited): boolean {
  const { 'content-length': stated } = headers
  if (stated === undefined || rawBody !== undefined) return false
  const length = Number(stated)
  const { held, most } = server.bodyMemory
  return length > 0 && length <= SMALL && length <= bodyLimit && held + length <= most
}

/** Collects the body of a request that `isSmall`. */
export async function smallBody(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  const { checkedBody } = request
  if (checkedBody?.errored) throw checkedBody.errored
  return collectBody(checkedBody ?? request.raw, SMALL, heldUntilClosed(request.server.bodyMemory, reply))
}

/** The bytes that were collected for validation, else the stream as it arrives; null for no body. */
export function requestBody(request: FastifyRequest, { bodyLimit }: Limited): Buffer | Readable | null {
  if (request.rawBody !== undefined) return request.rawBody
  const { headers } = request.raw
  if (
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] === undefined || headers['content-length'] === '0')
  ) {
    return null
  }
  if (Number(headers['content-length'] ?? 0) > bodyLimit) throw tooLarge()
  // not the request itself: undici would detach its socket, which log and limits still read
  const body = new LimitedBody(bodyLimit)
  bodyGoesTo(request.raw, body)
  const { checkedBody } = request
  if (!checkedBody) return request.raw.pipe(body)
  if (checkedBody.errored) throw checkedBody.errored
  checkedBody.on('error', (error) => body.destroy(error))
  return checkedBody.pipe(body)
}

/** Passes a body on, and fails once it is longer than allowed. */
export class LimitedBody extends Transform {
  readonly #limit: number
  #seen = 0
  #copy: { chunks: Buffer[]; most: number; done: (whole: Buffer | null) => void } | null = null

  /** @param limit  bytes */
  constructor(limit: number) {
    super()
    this.#limit = limit
    // an error before or after the body is sent must not end the process
    this.on('error', () => {})
  }

  /**
   * Copies the body while it passes.
   * @param most  bytes; a longer body is not copied
   * @param done  gets the whole copy, or null when there is none; called once
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
    if (this.#seen > this.#limit) callback(tooLarge())
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
