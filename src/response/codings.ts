import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import {
  brotliCompress,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createGunzip,
  createGzip,
  createInflate,
  createZstdCompress,
  createZstdDecompress,
  gzip,
  zstdCompress,
} from 'node:zlib'
import type { Coding } from './compression-schema.ts'

// windows of 512 KiB: the default of 4 MiB takes that much memory for each response in flight
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 19 } }
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 19 } }
/** The largest window that zstd may have as a content coding: 8 MiB (RFC 9659, section 3). */
const LARGEST_ZSTD_WINDOW = 23

/** Options for whole bodies in @fastify/compress. gzip ignores those for zstd. */
export const WHOLE_BODY_OPTIONS = { brotliOptions: BROTLI, zlibOptions: ZSTD as object }

// flushes after each write, so that a slow stream reaches the client piece by piece
const ENCODERS: Record<Coding, () => Transform> = {
  zstd: () => createZstdCompress({ ...ZSTD, flush: constants.ZSTD_e_flush }),
  br: () => createBrotliCompress({ ...BROTLI, flush: constants.BROTLI_OPERATION_FLUSH }),
  gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
}

const DECODERS = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: LARGEST_ZSTD_WINDOW } }),
  deflate: () => createInflate(),
} satisfies Record<string, () => Transform>
export type DecodableCoding = keyof typeof DECODERS

const WHOLE: Record<Coding, (body: Buffer) => Promise<Buffer>> = {
  zstd: (body) => promisify(zstdCompress)(body, ZSTD),
  br: (body) => promisify(brotliCompress)(body, BROTLI),
  gzip: (body) => promisify(gzip)(body),
}

export const encoder = (coding: Coding): Transform => ENCODERS[coding]()
/** Decoded output waits for the reader, so that a small body that decodes to a huge one takes no memory. */
export function decoder(coding: DecodableCoding): Transform {
  const made = DECODERS[coding]()
  const flush = made._flush.bind(made)
  // an empty body decodes to an empty one, although it is not valid data of the coding
  made._flush = (done) => (made.bytesWritten === 0 ? done() : flush(done))
  return made
}
export const encodeWhole = (body: Buffer, coding: Coding): Promise<Buffer> => WHOLE[coding](body)
export const isDecodable = (coding: string): coding is DecodableCoding => Object.hasOwn(DECODERS, coding)

/**
 * Whether a body begins like gzip or zlib data. The text "80" or "x " does too: @fastify/compress would label it as
 * compressed, and send it as it is.
 */
export function looksCompressed(body: string | Buffer): boolean {
  const [first, second, third] =
    typeof body === 'string' ? [body.charCodeAt(0), body.charCodeAt(1), body.charCodeAt(2)] : body
  return (
    (first === 0x1f && second === 0x8b && third === 8) ||
    ((first! & 0x8f) === 8 && ((first! << 8) + second!) % 31 === 0)
  )
}
