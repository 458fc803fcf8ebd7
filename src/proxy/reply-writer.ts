import { isAscii } from 'node:buffer'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { gatehouseError, reasonOf } from '../errors.ts'
import { guarded } from '../listener/settle.ts'
import type { FallbackAnswer } from '../traffic/resilience/fallback-answer.ts'
import { failureAnswer } from '../upstream/attempt-failure.ts'
import type { Exchange } from './exchange.ts'
import { forgetContent, relayableTrailers } from './response-headers.ts'
import { CHECK_LIMIT, ResponseInspection } from './response-inspection.ts'

/** Bodies up to this length are sent as one buffer, which is cheaper than a stream; hooks see either. Bytes. */
const COLLECT_LIMIT = 64 * 1024
/** How long a small body may take after its headers, before these are sent without it. Milliseconds. */
const COLLECT_TIME = 20
/** Bytes of a streamed body that may wait for the client. */
const WAITING = 64 * 1024

/** Where a response comes from. */
export interface ResponseSource {
  /** Stops sending for a while. */
  pause(): void
  resume(): void
  /** The rest is not needed. */
  cancel(): void
  /** The client gets its answer from now on: the exchange may take as long as the client does. */
  streams(): void
}

/** Sends a response whose status and headers are on the reply. */
export type Deliver = (reply: FastifyReply, body: string | Buffer | Readable | undefined) => void

const send: Deliver = (reply, body) => {
  reply.send(body)
}

/** Writes the body of one response to one client. Status and headers are on the reply already. */
export class ReplyWriter {
  readonly #exchange: Exchange
  readonly #reply: FastifyReply
  readonly #source: ResponseSource
  readonly #deliver: Deliver
  /** Checks the response against a schema; null when there is none. */
  #inspection: ResponseInspection | null = null
  #chunks: Buffer[] | null = null
  #collected = 0
  #collectLimit = COLLECT_LIMIT
  #stream: RelayStream | null = null
  #finished = false

  constructor(exchange: Exchange, source: ResponseSource, deliver = send) {
    this.#exchange = exchange
    this.#reply = exchange.reply
    this.#source = source
    this.#deliver = deliver
  }

  /** The head has come. @param headers  those of the upstream; only the fields that frame the body matter */
  begin(status: number, headers: IncomingHttpHeaders): void {
    const { plan, request } = this.#exchange
    const { method, raw } = request
    if (!raw.complete) this.#closeAfterEarlyAnswer()
    // RFC 9110, section 8.6
    if (status === 204) this.#reply.removeHeader('content-length')
    if (method === 'HEAD' || status === 304) return
    if (plan.responseCheck !== null) {
      const inspection = (this.#inspection = new ResponseInspection(
        this.#exchange,
        plan.responseCheck,
        status,
        headers,
      ))
      if (!inspection.passesHead()) {
        this.#refuse()
        this.#source.cancel()
        return
      }
    }
    if (status === 204) return
    const length = headers['content-length'] === undefined ? -1 : Number(headers['content-length'])
    if (this.#inspection !== null && this.#inspection.holdsBody) {
      this.#collectLimit = CHECK_LIMIT
      this.#chunks = []
    } else if (length >= 0 && length <= COLLECT_LIMIT) {
      this.#chunks = []
      process.nextTick(awaitBody, this)
    } else {
      if (length === -1 && headers.trailer !== undefined && raw.httpVersion === '1.1') {
        this.#reply.header('trailer', headers.trailer)
      }
      this.#beginStream(length === -1)
    }
  }

  /** @returns whether more may come at once */
  write(chunk: Buffer): boolean {
    if (this.#inspection !== null) this.#inspection.add(chunk)
    if (this.#stream !== null) return this.#stream.push(chunk)
    if (this.#chunks === null) return true
    this.#chunks.push(chunk)
    this.#collected += chunk.length
    if (this.#collected > this.#collectLimit && this.#inspection?.holdsBody) {
      if (!this.#inspection.passesTooLarge()) this.#refuse()
      this.#source.cancel()
    }
    return true
  }

  end(trailers: IncomingHttpHeaders): void {
    if (this.#stream !== null) {
      const relayed = relayableTrailers(trailers)
      if (relayed !== null && this.#reply.getHeader('content-length') === undefined) {
        this.#reply.raw.addTrailers(relayed as any)
      }
      this.#stream.push(null)
    } else if (!this.#finished) this.#sendCollected()
    if (this.#inspection !== null) this.#inspection.end()
  }

  /**
   * @param started  whether the head has come
   * @param isGone   whether the client is gone, so that nobody is left to answer
   * @returns whether the client gets the fallback
   */
  fail(error: Error, started: boolean, isGone: boolean): boolean {
    if (this.#stream !== null) {
      if (!isGone) this.#logBreak(error)
      this.#stream.destroy(error)
      return false
    }
    if (this.#finished) return false
    this.#finished = true
    const reply = this.#reply
    if (isGone) {
      // Fastify only has to know that the request is over
      reply.hijack()
      reply.raw.destroy()
      return false
    }
    if (started) forgetContent(reply)
    const answer = failureAnswer(error)
    const { fallback } = this.#exchange.plan
    if (fallback !== null && answer.statusCode > 500) {
      this.#finished = false
      this.fallBack(fallback, answer.code)
      return true
    }
    guarded(reply, () => reply.send(answer))
    return false
  }

  /** Sends the fallback. @param reason  of what it takes the place, for the log */
  fallBack({ status, headers, body }: FallbackAnswer, reason: string): void {
    const { plan, request } = this.#exchange
    this.#finished = true
    plan.upstream.report('fell_back', null, { reqId: request.id, reason })
    if (!request.raw.complete) this.#closeAfterEarlyAnswer()
    guarded(this.#reply, () => this.#reply.code(status).headers(headers).send(body))
  }

  /** Streams a small body that is late, so that the client gets the headers now. */
  streamLateBody(): void {
    const chunks = this.#chunks
    if (this.#finished || chunks === null) return
    this.#chunks = null
    guarded(this.#reply, () => {
      this.#beginStream(true)
      for (const chunk of chunks) this.#stream!.push(chunk)
    })
  }

  /** Whether a small body is still to come. */
  get awaitsBody(): boolean {
    return this.#chunks !== null && !this.#finished
  }

  #sendCollected(): void {
    if (this.#chunks === null) return this.#finish(undefined)
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#collected)
    if (this.#inspection?.holdsBody && !this.#inspection.passesBody(body)) this.#refuse()
    else this.#finish(sendable(this.#reply, body))
  }

  #finish(body: string | Buffer | Readable | undefined): void {
    this.#finished = true
    guarded(this.#reply, () => this.#deliver(this.#reply, body))
  }

  #beginStream(headersFirst: boolean): void {
    this.#source.streams()
    // undici has no timeout for a paused upstream, which it is while the client does not read
    this.#reply.raw.socket?.setTimeout(this.#exchange.plan.timeouts.idle)
    this.#stream = new RelayStream(this.#source)
    guarded(this.#reply, () => this.#deliver(this.#reply, this.#stream!))
    // an event stream may be silent for long after its headers, and clients wait for these
    if (headersFirst) setImmediate(flushHeaders, this.#reply.raw)
  }

  /** The response breaks its schema, in the mode "enforce". */
  #refuse(): void {
    this.#chunks = null
    this.fail(gatehouseError('GW_UPSTREAM_INVALID'), true, false)
  }

  /** The client only sees its connection break; the log states why. */
  #logBreak(error: Error): void {
    const { request, plan } = this.#exchange
    const details = {
      reqId: request.id,
      code: failureAnswer(error).code,
      upstream: plan.upstream.name,
      target: request.exchange?.target?.id,
      reason: reasonOf(error),
    }
    request.log.error(details, 'the response broke off after its head')
  }

  /**
   * The upstream answered before it had read the whole request. The rest is not waited for, so the client's connection
   * cannot be used again (RFC 9112, section 9.6).
   */
  #closeAfterEarlyAnswer(): void {
    const reply = this.#reply
    if (this.#exchange.request.raw.httpVersionMajor === 1) {
      reply.header('connection', reply.hasHeader('upgrade') ? 'close, upgrade' : 'close')
    }
  }
}

/** Nearly every small body comes together with its headers. Only for one that does not there is a timer. */
function awaitBody(writer: ReplyWriter): void {
  if (writer.awaitsBody) setTimeout(streamLateBody, COLLECT_TIME, writer).unref()
}
const streamLateBody = (writer: ReplyWriter): void => writer.streamLateBody()

function flushHeaders(raw: ServerResponse): void {
  // there are none yet while a hook still waits for something
  if (!raw.headersSent && !raw.destroyed && raw.getHeaderNames().length > 0) raw.flushHeaders()
}

/** A body that streams: a full buffer pauses the upstream's connection, an early end closes it. */
class RelayStream extends Readable {
  readonly #source: ResponseSource

  constructor(source: ResponseSource) {
    super({ highWaterMark: WAITING })
    this.#source = source
  }

  override _read(): void {
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.readableEnded) this.#source.cancel()
    callback(error)
  }
}

/** `type/subtype` (RFC 9110, section 8.3.1). */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** Keeps Fastify from adding a charset to the upstream's Content-Type. */
export const asItIs = (payload: unknown): string => payload as string

/** A whole body in a form that Fastify sends unchanged. */
export function sendable(reply: FastifyReply, body: Buffer): string | Buffer | Readable | undefined {
  // Fastify would give an empty text a type
  if (body.length === 0) return undefined
  // Fastify would add a type to a body without a valid one, except to a stream
  if (!MEDIA_TYPE.test(String(reply.getHeader('content-type')))) return Readable.from([body])
  if (!isAscii(body)) return body
  // as text, head and body leave in one write instead of two; only ASCII is the same bytes in every encoding
  reply.serializer(asItIs)
  return body.toString('latin1')
}
