import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { gatehouseError, reasonOf, type Violation } from '../errors.ts'
import { guarded } from '../listener/settle.ts'
import type { FallbackAnswer } from '../traffic/resilience/fallback-answer.ts'
import { failureAnswer } from '../upstream/attempt-failure.ts'
import type { Exchange } from './exchange.ts'
import { forgetContent } from './failed-reply.ts'
import { RelayStream, type ResponseSource } from './relay-stream.ts'
import { ResponseCopy } from './response-copy.ts'
import { relayableTrailers } from './response-headers.ts'
import { sendable } from './sendable-body.ts'

/** Bodies up to this length are sent as one buffer, which is cheaper than a stream; hooks see either. */
const COLLECT_LIMIT = 64 * 1024
/** Milliseconds to wait for a small body after its headers, before these are sent without it. */
const COLLECT_TIME = 20
/** Largest response that is collected to be checked against its schema. */
const CHECK_LIMIT = 1024 * 1024
const TOO_LARGE: Violation[] = [{ in: 'body', pointer: '', expected: `at most ${CHECK_LIMIT} bytes, to be checked` }]

export type Deliver = (reply: FastifyReply, body: string | Buffer | Readable | undefined) => void

/** Hands the body to Fastify, and with it the status and headers that are on the reply. */
const send: Deliver = (reply, body) => {
  reply.send(body)
}

/** Writes one response to one client, whose headers are on the reply already. */
export class ReplyWriter {
  readonly #exchange: Exchange
  readonly #reply: FastifyReply
  readonly #source: ResponseSource
  readonly #deliver: Deliver
  #chunks: Buffer[] | null = null
  #collected = 0
  #collectLimit = COLLECT_LIMIT
  #checked = false
  #copy: ResponseCopy | null = null
  #stream: RelayStream | null = null
  #finished = false

  constructor(exchange: Exchange, source: ResponseSource, deliver = send) {
    this.#exchange = exchange
    this.#reply = exchange.reply
    this.#source = source
    this.#deliver = deliver
  }

  /** The head has come. @param headers  the upstream's own, of which only those that frame are looked at */
  begin(status: number, headers: IncomingHttpHeaders): void {
    const { plan, request } = this.#exchange
    const { method, raw } = request
    if (!raw.complete) this.#closeAfterEarlyAnswer()
    // RFC 9110, section 8.6
    if (status === 204) this.#reply.removeHeader('content-length')
    const { responseCheck, enforceResponse } = plan
    if (method === 'HEAD' || status === 304) return
    const hasContent = status !== 204
    const reads =
      responseCheck !== null &&
      hasContent &&
      (responseCheck.reads === undefined || responseCheck.reads(headers['content-type']))
    if (responseCheck?.reads !== undefined && !reads && !this.#passesCheck(null)) {
      this.#source.cancel()
      return
    }
    if (!hasContent) return
    const length = headers['content-length'] === undefined ? -1 : Number(headers['content-length'])
    // in the mode "report" the response goes on while it is copied
    if (reads && !enforceResponse) this.#copy = new ResponseCopy(CHECK_LIMIT, headers['content-encoding'])
    if (reads && enforceResponse) {
      this.#checked = true
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

  /** @returns whether more is welcome at once */
  write(chunk: Buffer): boolean {
    if (this.#copy !== null) this.#copy.add(chunk)
    if (this.#stream !== null) return this.#stream.push(chunk)
    if (this.#chunks === null) return true
    this.#chunks.push(chunk)
    this.#collected += chunk.length
    if (this.#collected > this.#collectLimit) this.#tooLargeToCheck()
    return true
  }

  end(trailers: IncomingHttpHeaders): void {
    this.#relayEnd(trailers)
    this.#copy?.end(
      (body) => guarded(this.#reply, () => this.#passesCheck(body)),
      () => guarded(this.#reply, () => this.#reportViolations(TOO_LARGE)),
    )
  }

  #relayEnd(trailers: IncomingHttpHeaders): void {
    if (this.#stream !== null) {
      const relayed = relayableTrailers(trailers)
      if (relayed !== null && this.#reply.getHeader('content-length') === undefined) {
        this.#reply.raw.addTrailers(relayed as any)
      }
      this.#stream.push(null)
      return
    }
    if (this.#finished) return
    if (this.#chunks === null) return this.#finish(undefined)
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#collected)
    if (!this.#checked || this.#passesCheck(body)) this.#finish(sendable(this.#reply, body))
  }

  /**
   * @param started  whether the head has come
   * @param isGone   whether nobody is left to answer
   * @returns whether the client gets the fallback
   */
  fail(error: Error, started: boolean, isGone: boolean): boolean {
    if (this.#stream !== null) {
      if (!isGone) this.#tellBreak(error)
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

  /** The client only sees its connection break; the log says why. */
  #tellBreak(error: Error): void {
    const request = this.#exchange.request
    const { code } = failureAnswer(error)
    request.log.error(
      {
        reqId: request.id,
        code,
        upstream: this.#exchange.plan.upstream.name,
        target: request.exchange?.target?.id,
        reason: reasonOf(error),
      },
      'the response broke off after its head',
    )
  }

  /** @param reason  what it is sent instead of */
  fallBack({ status, headers, body }: FallbackAnswer, reason: string): void {
    this.#finished = true
    this.#exchange.plan.upstream.report('fell_back', null, { reqId: this.#exchange.request.id, reason })
    if (!this.#exchange.request.raw.complete) this.#closeAfterEarlyAnswer()
    guarded(this.#reply, () => this.#reply.code(status).headers(headers).send(body))
  }

  /** Begins to send a small body that takes its time: whoever waits for the headers shall have them. */
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

  #finish(body: string | Buffer | Readable | undefined): void {
    this.#finished = true
    guarded(this.#reply, () => this.#deliver(this.#reply, body))
  }

  #beginStream(headersFirst: boolean): void {
    this.#source.streams()
    // undici does not time an upstream that is paused, as it is while the client does not read
    this.#reply.raw.socket?.setTimeout(this.#exchange.plan.timeouts.idle)
    this.#stream = new RelayStream(this.#source)
    guarded(this.#reply, () => this.#deliver(this.#reply, this.#stream!))
    // an event stream may be silent for long after its headers; clients wait for these
    if (headersFirst) setImmediate(flushHeaders, this.#reply.raw)
  }

  /**
   * The upstream answered before it had read the whole request: the rest is not waited for, so the client's connection
   * cannot be used again (RFC 9112, section 9.6).
   */
  #closeAfterEarlyAnswer(): void {
    const reply = this.#reply
    if (this.#exchange.request.raw.httpVersionMajor === 1) {
      reply.header('connection', reply.hasHeader('upgrade') ? 'close, upgrade' : 'close')
    }
  }

  /** @param body  null for one that is not read */
  #passesCheck(body: Buffer | null): boolean {
    const reply = this.#reply
    const check = this.#exchange.plan.responseCheck!
    // one that looks at nothing but the body has nothing to say
    if (body === null && check.reads === undefined) return true
    const violations = check(
      reply.statusCode,
      reply.getHeader('content-type') as string | undefined,
      body,
      check.reads && reply.getHeaders(),
    )
    return violations === null || this.#reportViolations(violations)
  }

  #tooLargeToCheck(): void {
    if (!this.#checked) return
    this.#reportViolations(TOO_LARGE)
    this.#source.cancel()
  }

  /** @returns whether the response may go on to the client */
  #reportViolations(violations: Violation[]): boolean {
    const plan = this.#exchange.plan
    const request = this.#exchange.request
    const { config } = request.routeOptions
    request.server.reportViolation({
      upstream: plan.upstream.name,
      url: config.publicUrl ?? request.routeOptions.url ?? '',
      method: request.method,
      status: this.#reply.statusCode,
      violations,
      mode: plan.enforceResponse ? 'enforce' : 'report',
    })
    if (!plan.enforceResponse) return true
    this.#chunks = null
    this.fail(gatehouseError('GW_UPSTREAM_INVALID'), true, false)
    return false
  }
}

/** Nearly every small body comes together with its headers; only for one that does not there is a timer. */
function awaitBody(writer: ReplyWriter): void {
  if (writer.awaitsBody) setTimeout(streamLateBody, COLLECT_TIME, writer).unref()
}
const streamLateBody = (writer: ReplyWriter): void => writer.streamLateBody()

function flushHeaders(raw: ServerResponse): void {
  // there are none yet while a hook still waits for something
  if (!raw.headersSent && !raw.destroyed && raw.getHeaderNames().length > 0) raw.flushHeaders()
}
