import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { settle } from '../listener/settle.ts'
import { unwanted } from './attempt.ts'
import { AttemptLoop } from './attempt-loop.ts'
import { invalidate } from './cached/cache-url.ts'
import type { ForwardPlan } from './forward-plan.ts'
import type { ResponseSource } from './relay-stream.ts'
import { type Deliver, ReplyWriter } from './reply-writer.ts'
import { affinityCookie, copyResponseHeaders } from './response-headers.ts'
import { setStatus } from './response-status.ts'

/** Bytes of an answer that waits for the cache, past which the upstream is paused. */
const HELD_LIMIT = 64 * 1024

/** Sends the upstream's response to the one client that has asked. */
export class ResponseRelay extends AttemptLoop implements ResponseSource {
  readonly #writer: ReplyWriter
  /**
   * What has come after the head of an answer that waits until the cache has purged what it changes; null when it does
   * not wait.
   */
  #held: (() => void)[] | null = null
  #heldBytes = 0

  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    plan: ForwardPlan,
    path: string,
    headers: string[],
    body: Buffer | Readable | null,
    deliver?: Deliver,
  ) {
    super(request, reply, plan, path, headers, body)
    this.#writer = new ReplyWriter(request, reply, plan, this, deliver)
  }

  protected override onHead(status: number, headers: IncomingHttpHeaders): void {
    const { plan } = this
    const purging = plan.cache === null ? null : invalidate(this.request, plan, status, headers)
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.dismiss(headers)
      this.fellBack = true
      this.#writer.fallBack(plan.fallback, `status ${status}`)
    } else if (purging === null) this.#begin(status, headers)
    else {
      this.#held = []
      settle(
        purging.then(() => this.#release(status, headers)),
        this.reply,
      )
    }
  }

  override onChunk(chunk: Buffer): void {
    if (this.#held === null) {
      if (!this.#writer.write(chunk)) this.pause()
      return
    }
    this.#held.push(() => this.onChunk(chunk))
    this.#heldBytes += chunk.length
    if (this.#heldBytes > HELD_LIMIT) this.pause()
  }

  protected override onEnd(trailers: IncomingHttpHeaders): void {
    if (this.#held === null) this.#writer.end(trailers)
    else this.#held.push(() => this.#writer.end(trailers))
  }

  protected override onFailure(error: Error, started: boolean): void {
    if (this.#held !== null && !this.clientGone) this.#held.push(() => this.onFailure(error, started))
    else this.fellBack = this.#writer.fail(error, started, this.clientGone)
  }

  #begin(status: number, headers: IncomingHttpHeaders): void {
    const { reply, plan } = this
    setStatus(reply, status)
    copyResponseHeaders(reply, status, headers, plan)
    const cookie = affinityCookie(plan.upstream, this.request, this.target!, status)
    if (cookie !== null) reply.header('set-cookie', cookie)
    this.#writer.begin(status, headers)
  }

  /** The cache has purged what the answer has changed, so that the client may have it. */
  #release(status: number, headers: IncomingHttpHeaders): void {
    const events = this.#held!
    this.#held = null
    if (this.clientGone) return
    const wasPaused = this.#heldBytes > HELD_LIMIT
    this.#begin(status, headers)
    for (const event of events) event()
    if (wasPaused) this.resume()
  }

  pause(): void {
    this.controller!.pause()
  }
  resume(): void {
    this.controller!.resume()
  }
  cancel(): void {
    this.controller!.abort(unwanted())
  }
  streams(): void {
    this.clearDeadline()
  }
}
