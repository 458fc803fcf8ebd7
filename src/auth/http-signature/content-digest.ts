import { createHash, type Hash, hash } from 'node:crypto'
import { type Readable, Transform, type TransformCallback } from 'node:stream'
import type {} from 'fastify'
import { parseDictionary } from 'structured-headers'
import { gatehouseError, type GatehouseError } from '../../errors.ts'

/** Digests that are known to be good (RFC 9530, section 5), by the names that Node has for them. */
const ALGORITHMS: Record<string, string> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }

/** What the digests of a body must be. */
export type ContentDigest = readonly { algorithm: string; digest: Buffer }[]

/** The digests of a `Content-Digest` header (RFC 9530, section 2) that can be checked; null when there are none. */
export function parseContentDigest(header: string | string[] | undefined): ContentDigest | null {
  try {
    const known = [...parseDictionary(String(header ?? ''))].filter(([name]) => Object.hasOwn(ALGORITHMS, name))
    const digests = known.map(([name, [value]]) => {
      if (!(value instanceof ArrayBuffer)) throw new Error('no bytes')
      return { algorithm: ALGORITHMS[name]!, digest: Buffer.from(value) }
    })
    return digests.length > 0 ? digests : null
  } catch {
    return null
  }
}

/** Whether these are the digests of a body that is there as a whole. */
export const isDigestOf = (digests: ContentDigest, body: Buffer): boolean =>
  digests.every(({ algorithm, digest }) => hash(algorithm, body, 'buffer').equals(digest))

declare module 'fastify' {
  interface FastifyRequest {
    /** What the digests of the body must be; null or absent when nobody has signed any. */
    contentDigest?: ContentDigest | null
    /** The body, read through a check of its digests; null or absent when it is not checked. */
    checkedBody?: Readable | null
  }
}

const mismatch = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: 'The body is not the one that was signed: send it with its own Content-Digest, and sign that.',
    headers: { connection: 'close' },
  })

/**
 * Passes a body on while its digests are made. The last piece is kept back until they are known to be right, so that
 * nobody takes a body for whole that is not the one that was signed.
 */
export class DigestedBody extends Transform {
  readonly #hashes: { hash: Hash; digest: Buffer }[]
  #last: Buffer | null = null

  constructor(digests: ContentDigest) {
    super()
    this.#hashes = digests.map(({ algorithm, digest }) => ({ hash: createHash(algorithm), digest }))
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    for (const { hash } of this.#hashes) hash.update(chunk)
    const before = this.#last
    this.#last = chunk
    if (before === null) callback()
    else callback(null, before)
  }

  override _flush(callback: TransformCallback): void {
    if (this.#hashes.every(({ hash, digest }) => hash.digest().equals(digest))) callback(null, this.#last)
    else callback(mismatch())
  }
}
