import { createHash, type Hash, hash } from 'node:crypto'
import { type Readable, Transform, type TransformCallback } from 'node:stream'
import type {} from 'fastify'
import { parseDictionary } from 'structured-headers'
import { gatehouseError, type GatehouseError } from '../../errors.ts'

/** Digest algorithms that are secure (RFC 9530, section 5), to their names in Node. */
const ALGORITHMS: Record<string, string> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }

/** The expected digests of a body. */
export type ContentDigest = readonly { algorithm: string; digest: Buffer }[]

/** The supported digests of a `Content-Digest` header (RFC 9530, section 2); null when there are none. */
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

/** Whether a complete body has these digests. */
export const isDigestOf = (digests: ContentDigest, body: Buffer): boolean =>
  digests.every(({ algorithm, digest }) => hash(algorithm, body, 'buffer').equals(digest))

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed digests that the body must have; null or absent without any. */
    contentDigest?: ContentDigest | null
    /** The body as it comes out of the digest check; null or absent when it is not checked. */
    checkedBody?: Readable | null
  }
}

const mismatch = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', {
    detail: 'The body is not the one that was signed: send it with its own Content-Digest, and sign that.',
    headers: { connection: 'close' },
  })

/**
 * Passes a body through and hashes it. The last chunk is held back until the digests have been checked, so that a
 * reader never gets a complete body that differs from the signed one.
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
