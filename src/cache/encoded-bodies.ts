type Encode<Coding extends string> = (body: Buffer, coding: Coding) => Promise<Buffer>

/**
 * Compressed forms of stored bodies. Each is made once, for the first client that accepts the coding, and kept as long
 * as the body itself, also when a validation updates the head of the response.
 */
export class EncodedBodies<Coding extends string> {
  readonly #encode: Encode<Coding>
  readonly #limit: number
  readonly #kept = new WeakMap<Buffer, Map<Coding, Buffer | Promise<Buffer>>>()
  readonly #gone = new FinalizationRegistry<number>((bytes) => {
    this.#bytes -= bytes
  })
  #bytes = 0

  /** @param limit  most bytes in total; bodies above it are compressed for each response */
  constructor(limit: number, encode: Encode<Coding>) {
    this.#limit = limit
    this.#encode = encode
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The body in a coding. Concurrent calls share the work. */
  get(body: Buffer, coding: Coding): Buffer | Promise<Buffer> {
    let codings = this.#kept.get(body)
    if (codings === undefined) this.#kept.set(body, (codings = new Map()))
    const known = codings.get(coding)
    if (known !== undefined) return known
    const encoding = this.#encode(body, coding)
    codings.set(coding, encoding)
    encoding
      .then((encoded) => {
        if (this.#bytes + encoded.byteLength > this.#limit) {
          codings.delete(coding)
          return
        }
        codings.set(coding, encoded)
        this.#bytes += encoded.byteLength
        this.#gone.register(body, encoded.byteLength)
      })
      .catch(() => codings.delete(coding))
    return encoding
  }
}
