import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'

type Decompress = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: Error | null, body: Buffer) => void,
) => void
const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress,
  zstd: zstdDecompress,
}

/** Keeps a response that goes on meanwhile, to be looked at once it has ended. */
export class ResponseCopy {
  readonly #limit: number
  readonly #coding: string | undefined
  #chunks: Buffer[] = []
  #length = 0

  /**
   * @param limit   bytes, as they come and when they are decompressed
   * @param coding  Content-Encoding of the response
   */
  constructor(limit: number, coding: string | undefined) {
    this.#limit = limit
    this.#coding = coding?.trim().toLowerCase()
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#length <= this.#limit) this.#chunks.push(chunk)
    else this.#chunks = []
  }

  /**
   * The response has ended: calls one of the two, at once unless the body is compressed.
   * @param look      gets the body; null for one that cannot be decompressed
   * @param tooLarge  for one that is larger than the limit
   */
  end(look: (body: Buffer | null) => void, tooLarge: () => void): void {
    if (this.#length > this.#limit) return tooLarge()
    const body = Buffer.concat(this.#chunks, this.#length)
    if (this.#coding === undefined || this.#coding === 'identity' || body.length === 0) return look(body)
    const decompress = Object.hasOwn(DECOMPRESS, this.#coding) ? DECOMPRESS[this.#coding]! : undefined
    if (decompress === undefined) return look(null)
    decompress(body, { maxOutputLength: this.#limit }, (error, plain) => {
      if (error === null) look(plain)
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') tooLarge()
      else look(null)
    })
  }
}
