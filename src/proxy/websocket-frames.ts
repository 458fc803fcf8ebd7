/**
 * Follows the frames of one direction of a WebSocket (RFC 6455, section 5.2) without decoding them, so that a frame of
 * the gateway's own can be put between two of them.
 */
export class FrameBoundary {
  readonly #header = Buffer.alloc(14)
  #headerLength = 0
  #payloadLeft = 0

  /** Whether the bytes so far end with a whole frame. */
  get reached(): boolean {
    return this.#headerLength === 0 && this.#payloadLeft === 0
  }

  /**
   * @param stop  whether to stop at the first boundary
   * @returns how many bytes of the chunk were followed
   */
  advance(chunk: Buffer, stop: boolean): number {
    let at = 0
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, chunk.length - at)
        this.#payloadLeft -= taken
        at += taken
      } else {
        this.#header[this.#headerLength++] = chunk[at++]!
        this.#finishHeader()
      }
      if (stop && this.reached) return at
    }
    return at
  }

  #finishHeader(): void {
    if (this.#headerLength < 2) return
    const second = this.#header[1]!
    const short = second & 0x7f
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    if (this.#headerLength < 2 + extended + (second & 0x80 ? 4 : 0)) return
    this.#payloadLeft =
      extended === 0 ? short : extended === 2 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2))
    this.#headerLength = 0
  }
}

/**
 * A close frame (RFC 6455, section 5.5.1).
 * @param masked  whether it is for a server, which takes masked frames only. A mask of zeros is allowed.
 */
export function closeFrame(code: number, masked: boolean): Buffer {
  const payload = [code >> 8, code & 0xff]
  return Buffer.from(masked ? [0x88, 0x82, 0, 0, 0, 0, ...payload] : [0x88, 0x02, ...payload])
}
