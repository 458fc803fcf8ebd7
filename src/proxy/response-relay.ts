import { isAscii } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { gatehouseError, type Violation } from '../errors.ts'
import type { FallbackAnswer } from '../resilience/fallback-answer.ts'
import { failureAnswer } from './attempt-failure.ts'
import { unwanted } from './attempt.ts'
import { AttemptLoop } from './attempt-loop.ts'
import { affinityCookie, copyResponseHeaders, relayableTrailers } from './response-headers.ts'

/** Bodies up to this length are sent as one buffer, which is cheaper than a stream; hooks see either. */
const COLLECT_LIMIT = 64 * 1024
/** Milliseconds to wait for a small body after its headers, before these are sent without it. */
const COLLECT_TIME = 20
/** Largest response that is collected to be checked against its schema. */
const CHECK_LIMIT = 1024 * 1024

/** Sends the upstream's response to the client. */
export class ResponseRelay extends AttemptLoop {
  #chunks: Buffer[] | null = null
  #collected = 0
  #collectLimit = COLLECT_LIMIT
  #checked = false
  #stream: RelayStream | null = null
  #finished = false

  protected override onHead (status: number, headers: IncomingHttpHeaders): void {
    const { reply, plan } = this
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.dismiss(headers)
      this.#finished = true
      this.#fallBack(plan.fallback, `status ${status}`)
      return
    }
    reply.code(status)
    copyResponseHeaders(reply, headers, plan)
    const cookie = affinityCookie(plan.upstream, this.request, this.target!, status)
    if (cookie !== null) reply.header('set-cookie', cookie)
    if (!this.request.raw.complete) this.#closeAfterEarlyAnswer()
    if (this.request.method === 'HEAD' || status === 204 || status === 304) return
    const length = headers['content-length'] === undefined ? -1 : Number(headers['content-length'])
    if (plan.responseCheck !== null) {
      this.#checked = true
      this.#collectLimit = CHECK_LIMIT
      this.#chunks = []
    } else if (length >= 0 && length <= COLLECT_LIMIT) {
      this.#chunks = []
      process.nextTick(awaitBody, this)
    } else {
      if (length === -1 && headers.trailer !== undefined && this.request.raw.httpVersion === '1.1') reply.header('trailer', headers.trailer)
      this.#beginStream(length === -1)
    }
  }

  override onChunk (chunk: Buffer): void {
    if (this.#stream !== null) {
      if (!this.#stream.push(chunk)) this.controller!.pause()
      return
    }
    if (this.#chunks === null) return
    this.#chunks.push(chunk)
    this.#collected += chunk.length
    if (this.#collected > this.#collectLimit) this.#tooLargeToCheck()
  }

  protected override onEnd (trailers: IncomingHttpHeaders): void {
    if (this.#stream !== null) {
      const relayed = relayableTrailers(trailers)
      if (relayed !== null && this.reply.getHeader('content-length') === undefined) this.reply.raw.addTrailers(relayed as any)
      this.#stream.push(null)
      return
    }
    if (this.#finished) return
    if (this.#chunks === null) {
      this.#finished = true
      this.deliver(undefined)
      return
    }
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#collected)
    if (this.#checked && !this.#passesCheck(body)) return
    this.#finished = true
    if (body.length === 0) {
      // nothing to be of a type; Fastify would call an empty text one
      this.deliver(undefined)
      return
    }
    if (!MEDIA_TYPE.test(String(this.reply.getHeader('content-type')))) {
      // Fastify would invent a type for a body without a proper one; it leaves a stream alone
      this.deliver(Readable.from([body]))
      return
    }
    if (!isAscii(body)) {
      this.deliver(body)
      return
    }
    // as text, head and body leave in one write instead of two; only ASCII is the same bytes in every encoding
    this.reply.serializer(asItIs)
    this.deliver(body.toString('latin1'))
  }

  protected override onFailure (error: Error, started: boolean): void {
    if (this.#stream !== null) {
      this.#stream.destroy(error)
      return
    }
    if (this.#finished) return
    this.#finished = true
    if (this.clientGone) {
      // nobody is left to answer; Fastify only has to know that the request is over
      this.reply.hijack()
      this.reply.raw.destroy()
      return
    }
    if (started) {
      for (const name of Object.keys(this.reply.getHeaders())) if (!KEPT_ON_FAILURE.has(name)) this.reply.removeHeader(name)
      // Node takes the removal of the upstream's date for a wish to have none
      this.reply.raw.sendDate = true
    }
    const answer = failureAnswer(error)
    const { fallback } = this.plan
    if (fallback !== null && answer.statusCode > 500) this.#fallBack(fallback, answer.code)
    else this.reply.send(answer)
  }

  /** @param reason  what it is sent instead of */
  #fallBack ({ status, headers, body }: FallbackAnswer, reason: string): void {
    const { reply, request, plan } = this
    this.fellBack = true
    plan.upstream.report('fell_back', null, { reqId: request.id, reason })
    if (!request.raw.complete) this.#closeAfterEarlyAnswer()
    reply.code(status).headers(headers).send(body)
  }

  /** Hands the body to Fastify, and with it the status and headers that are on the reply. */
  protected deliver (body: string | Buffer | Readable | undefined): void {
    this.reply.send(body)
  }

  /** Begins to send a small body that takes its time: whoever waits for the headers shall have them. */
  streamLateBody (): void {
    const chunks = this.#chunks
    if (this.#finished || chunks === null) return
    this.#chunks = null
    this.#beginStream(true)
    for (const chunk of chunks) this.#stream!.push(chunk)
  }

  /** Whether a small body is still to come. */
  get awaitsBody (): boolean { return this.#chunks !== null && !this.#finished }

  #beginStream (headersFirst: boolean): void {
    this.clearDeadline()
    // undici does not time an upstream that is paused, as it is while the client does not read
    this.reply.raw.socket?.setTimeout(this.plan.timeouts.idle)
    this.#stream = new RelayStream(this.controller!)
    this.deliver(this.#stream)
    // an event stream may be silent for long after its headers; clients wait for these
    if (headersFirst) setImmediate(flushHeaders, this.reply.raw)
  }

  /**
   * The upstream answered before it had read the whole request: the rest is not waited for, so the client's connection
   * cannot be used again (RFC 9112, section 9.6).
   */
  #closeAfterEarlyAnswer (): void {
    if (this.request.raw.httpVersionMajor === 1) this.reply.header('connection', 'close')
  }

  #passesCheck (body: Buffer): boolean {
    const { reply, plan } = this
    const violations = plan.responseCheck!(reply.statusCode, reply.getHeader('content-type') as string | undefined, body)
    return violations === null || this.#reportViolations(violations)
  }

  #tooLargeToCheck (): void {
    if (!this.#checked) return
    if (!this.#reportViolations([{ in: 'body', pointer: '', expected: `at most ${CHECK_LIMIT} bytes, to be checked` }])) {
      this.controller!.abort(unwanted())
      return
    }
    const chunks = this.#chunks!
    this.#chunks = null
    this.#beginStream(false)
    for (const chunk of chunks) if (!this.#stream!.push(chunk)) this.controller!.pause()
  }

  /** @returns whether the response may go on to the client */
  #reportViolations (violations: Violation[]): boolean {
    const { request, reply, plan } = this
    const { config } = request.routeOptions
    request.server.reportViolation({
      upstream: plan.upstream.name,
      url: config.publicUrl ?? request.routeOptions.url ?? '',
      method: request.method,
      status: reply.statusCode,
      violations,
      mode: plan.enforceResponse ? 'enforce' : 'report',
    })
    if (!plan.enforceResponse) return true
    this.#chunks = null
    this.onFailure(gatehouseError('GW_UPSTREAM_INVALID'), true)
    return false
  }
}

/** Nearly every small body comes together with its headers; only for one that does not there is a timer. */
function awaitBody (relay: ResponseRelay): void {
  if (relay.awaitsBody) setTimeout(streamLateBody, COLLECT_TIME, relay).unref()
}
const streamLateBody = (relay: ResponseRelay): void => relay.streamLateBody()

/** `type/subtype` (RFC 9110, section 8.3.1). */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** Keeps Fastify from adding a charset to the upstream's Content-Type. */
const asItIs = (payload: unknown): string => payload as string

const KEPT_ON_FAILURE = new Set(['x-request-id', 'ratelimit', 'ratelimit-policy', 'access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers', 'vary'])

function flushHeaders (raw: { headersSent: boolean, destroyed: boolean, flushHeaders (): void }): void {
  if (!raw.headersSent && !raw.destroyed) raw.flushHeaders()
}

/** A response body under way; a full buffer pauses the upstream's connection, an early end closes it. */
class RelayStream extends Readable {
  readonly #controller: Dispatcher.DispatchController

  constructor (controller: Dispatcher.DispatchController) {
    super({ highWaterMark: COLLECT_LIMIT })
    this.#controller = controller
  }

  override _read (): void { this.#controller.resume() }

  override _destroy (error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.readableEnded) this.#controller.abort(unwanted())
    callback(error)
  }
}
