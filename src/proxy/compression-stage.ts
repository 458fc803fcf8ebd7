import { pipeline, Readable, type Transform } from 'node:stream'
import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import { isNotModified } from '../cache/conditional-request.ts'
import type { EncodedBodies } from '../cache/encoded-bodies.ts'
import { settle } from '../listener/settle.ts'
import { acceptsCoding, preferredCoding } from '../response/accept-encoding.ts'
import { decoder, encodeWhole, encoder, isDecodable, looksCompressed } from '../response/codings.ts'
import type { CompressionRules } from '../response/compression-rules.ts'
import type { Coding } from '../response/compression-schema.ts'
import {
  forOtherBytes,
  mayTransform,
  nameTagAsKnown,
  notModified,
  varyByEncoding,
} from '../response/content-headers.ts'
import { failureAnswer } from '../upstream/attempt-failure.ts'
import { forgetContent } from './response-headers.ts'

type Done = Parameters<onSendHookHandler<unknown>>[3]
type Body = string | Buffer | Readable
/** Compresses a whole body and states its headers. */
export type CompressWhole = (coding: Coding, reply: FastifyReply, body: string | Buffer, done: Done) => void

/** Compresses or decompresses the response of a route with `compress`, once its head is known. */
export class CompressionStage {
  /** Compresses whole bodies, where a package does that. */
  compressWhole: CompressWhole | null = null
  readonly #rules: CompressionRules
  readonly #kept: EncodedBodies<Coding>

  constructor(rules: CompressionRules, kept: EncodedBodies<Coding>) {
    this.#rules = rules
    this.#kept = kept
  }

  run(request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void {
    const isHead = request.method === 'HEAD'
    if (reply.statusCode === 304) nameTagAsKnown(request, reply)
    if (this.#standsForWhole(reply) && mayTransform(request, reply)) varyByEncoding(reply)
    // no body has no coding, whatever the upstream states
    if (payload == null && !isHead && !WITHOUT_WHOLE.has(reply.statusCode)) reply.removeHeader('content-encoding')
    if (
      WITHOUT_WHOLE.has(reply.statusCode) ||
      reply.hasHeader('content-range') ||
      !(isBody(payload) || (isHead && payload == null)) ||
      !mayTransform(request, reply)
    ) {
      return done(null, payload)
    }
    const accepted = request.headers['accept-encoding']
    let body = payload as Body | null | undefined
    const coded = String(reply.getHeader('content-encoding') ?? 'identity')
      .trim()
      .toLowerCase()
    if (coded !== 'identity') {
      if (!isDecodable(coded)) return done(null, body)
      varyByEncoding(reply)
      if (acceptsCoding(accepted, coded)) return done(null, body)
      forOtherBytes(reply)
      reply.removeHeader('content-encoding')
      if (body != null) body = through(streamOf(body), decoder(coded), reply)
    }
    if (!this.#rules.covers(reply.getHeader('content-type'), lengthOf(body, reply))) return done(null, body)
    varyByEncoding(reply)
    const coding = preferredCoding(accepted, this.#rules.encodings)
    if (coding === null) return done(null, body)
    forOtherBytes(reply)
    if (hasIt(request, reply)) {
      if (body instanceof Readable) body.destroy()
      notModified(reply)
      return done(null, null)
    }
    if (body == null || isHead) reply.header('content-encoding', coding)
    else if (body instanceof Readable) {
      reply.header('content-encoding', coding)
      body = through(body, encoder(coding), reply)
    } else if (body === payload && request.storedBody !== null) {
      return settle(sendWhole(this.#kept.get(request.storedBody, coding), coding, reply, done), reply)
    } else if (this.compressWhole !== null && !looksCompressed(body)) {
      return this.compressWhole(coding, reply, body, done)
    } else return settle(sendWhole(encodeWhole(Buffer.from(body as string), coding), coding, reply, done), reply)
    done(null, body)
  }

  /**
   * Whether it is a 304 or a part, whose `Vary` is that of the whole response (RFC 9110, sections 15.3.7 and 15.4.5). A
   * 304 may not state its type.
   */
  #standsForWhole(reply: FastifyReply): boolean {
    const type = reply.getHeader('content-type')
    return reply.statusCode === 304
      ? type === undefined || this.#rules.covers(type, undefined)
      : reply.statusCode === 206 && this.#rules.covers(type, undefined)
  }
}

async function sendWhole(
  encoding: Buffer | Promise<Buffer>,
  coding: Coding,
  reply: FastifyReply,
  done: Done,
): Promise<void> {
  const encoded = await encoding
  reply.header('content-encoding', coding).header('content-length', encoded.byteLength)
  done(null, encoded)
}

/** Statuses without a body, or with a part of one. */
const WITHOUT_WHOLE = new Set([204, 205, 206, 304])

const isBody = (payload: unknown): payload is Body =>
  typeof payload === 'string' || Buffer.isBuffer(payload) || payload instanceof Readable
const streamOf = (body: Body): Readable =>
  body instanceof Readable ? body : Readable.from([Buffer.from(body as string)])

/** Bytes of a body; undefined when they are not known before its end. */
function lengthOf(body: Body | null | undefined, reply: FastifyReply): number | undefined {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return Buffer.byteLength(body)
  const stated = reply.getHeader('content-length')
  return stated === undefined ? undefined : Number(stated)
}

/** Whether the client has the content already. An upstream may not know the weak form of its tag. */
const hasIt = ({ method, headers }: FastifyRequest, reply: FastifyReply): boolean =>
  headers['if-none-match'] !== undefined &&
  reply.hasHeader('etag') &&
  (method === 'GET' || method === 'HEAD') &&
  isNotModified(
    { 'if-none-match': headers['if-none-match'] },
    { status: reply.statusCode, headers: { etag: String(reply.getHeader('etag')) }, storedAt: 0 },
  )

/** Sends a body through a coder. An error of either ends both. */
function through(body: Readable, coder: Transform, reply: FastifyReply): Readable {
  const destroy = coder._destroy.bind(coder)
  coder._destroy = (error, callback) =>
    destroy(error, () => {
      // an error of the gateway can still be sent, without a coding
      if (error !== null && !reply.raw.headersSent) forgetContent(reply)
      callback(error && failureAnswer(error))
    })
  pipeline(body, coder, () => {})
  return coder
}
