import type { IncomingHttpHeaders } from 'node:http'
import { gatehouseError } from '../errors.ts'
import { failReply, settle } from '../listener/settle.ts'
import type { AnswerHandler, SendController } from '../upstream/outgoing-request.ts'
import { invalidate } from './cached/write-invalidation.ts'
import { type Exchange, watchClient } from './exchange.ts'
import { type Deliver, ReplyWriter, type ResponseSource } from './reply-writer.ts'
import { affinityCookie, copyResponseHeaders, sendInformational, setStatus } from './response-headers.ts'

/** Bytes of an answer that waits for the cache, past which the upstream is paused. */
const HELD_LIMIT = 64 * 1024

/** Relays the answer of an upstream to the client that has asked. */
export class ReplyHandler implements AnswerHandler, ResponseSource {
  readonly #exchange: Exchange
  readonly #writer: ReplyWriter
  #controller: SendController | null = null
  /** Whether the head has come, so that no other response can be relayed any more. */
  #started = false
  #clientGone = false
  /** The events after the head of an answer that waits for a purge of the cache; null when it does not wait. */
  #held: (() => void)[] | null = null
  #heldBytes = 0

  constructor(exchange: Exchange, deliver?: Deliver) {
    this.#exchange = exchange
    this.#writer = new ReplyWriter(exchange, this, deliver)
  }

  onRequestStart(controller: SendController): void {
    const { request, reply } = this.#exchange
    this.#controller = controller
    request.exchange = this.#exchange
    watchClient(reply.raw, this)
  }

  onResponseStart(_controller: SendController, status: number, headers: IncomingHttpHeaders): void {
    const exchange = this.#exchange
    const { request, reply, plan } = exchange
    if (status < 200) return sendInformational(reply, status, headers, plan)
    this.#started = true
    const purging = plan.cache === null ? null : invalidate(request, plan, status, headers)
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.#controller!.dismiss(headers)
      exchange.fellBack = true
      this.#writer.fallBack(plan.fallback, `status ${status}`)
    } else if (purging === null) this.#begin(status, headers)
    else {
      this.#held = []
      settle(
        purging.then(() => this.#release(status, headers)),
        reply,
      )
    }
  }

  onResponseData(_controller: SendController, chunk: Buffer): void {
    if (this.#held === null) return this.#write(chunk)
    this.#held.push(() => this.#write(chunk))
    this.#heldBytes += chunk.length
    if (this.#heldBytes > HELD_LIMIT) this.pause()
  }

  onResponseEnd(_controller: SendController, trailers: IncomingHttpHeaders): void {
    if (this.#held === null) this.#writer.end(trailers)
    else this.#held.push(() => this.#writer.end(trailers))
  }

  onResponseError(_controller: SendController, error: Error): void {
    if (this.#held !== null && !this.#clientGone) this.#held.push(() => this.#fail(error))
    else this.#fail(error)
  }

  broken(error: unknown): void {
    const { request, reply } = this.#exchange
    request.log.error(
      { reqId: request.id, code: 'GW_INTERNAL', err: error },
      'the gateway failed in an exchange with an upstream',
    )
    try {
      this.#fail(gatehouseError('GW_INTERNAL', { cause: error }))
    } catch (second) {
      failReply(reply, second)
    }
  }

  /** The client has gone away before it had its whole answer. */
  abort(): void {
    this.#clientGone = true
    this.#controller!.abort()
  }

  pause(): void {
    this.#controller!.pause()
  }
  resume(): void {
    this.#controller!.resume()
  }
  cancel(): void {
    this.#controller!.abort()
  }
  streams(): void {
    this.#controller!.clearDeadline()
  }

  #begin(status: number, headers: IncomingHttpHeaders): void {
    const { request, reply, plan, target } = this.#exchange
    setStatus(reply, status)
    copyResponseHeaders(reply, status, headers, plan)
    const cookie = affinityCookie(plan.upstream, request, target!, status)
    if (cookie !== null) reply.header('set-cookie', cookie)
    this.#writer.begin(status, headers)
  }

  #write(chunk: Buffer): void {
    if (!this.#writer.write(chunk)) this.pause()
  }

  #fail(error: Error): void {
    this.#exchange.fellBack = this.#writer.fail(error, this.#started, this.#clientGone)
  }

  /** The cache has purged what the answer has changed: the client may have it. */
  #release(status: number, headers: IncomingHttpHeaders): void {
    const events = this.#held!
    this.#held = null
    if (this.#clientGone) return
    const wasPaused = this.#heldBytes > HELD_LIMIT
    this.#begin(status, headers)
    for (const event of events) event()
    if (wasPaused) this.resume()
  }
}
