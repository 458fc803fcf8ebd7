import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { unwanted } from './attempt.ts'
import { AttemptLoop } from './attempt-loop.ts'
import { invalidate } from './cache-url.ts'
import type { ForwardPlan } from './forward-plan.ts'
import type { ResponseSource } from './relay-stream.ts'
import { type Deliver, ReplyWriter } from './reply-writer.ts'
import { affinityCookie, copyResponseHeaders } from './response-headers.ts'

/** Sends the upstream's response to the one client that has asked. */
export class ResponseRelay extends AttemptLoop implements ResponseSource {
  readonly #writer: ReplyWriter

  constructor (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string, headers: string[], body: Buffer | Readable | null, deliver?: Deliver) {
    super(request, reply, plan, path, headers, body)
    this.#writer = new ReplyWriter(request, reply, plan, this, deliver)
  }

  protected override onHead (status: number, headers: IncomingHttpHeaders): void {
    const { reply, plan } = this
    if (plan.cache !== null) invalidate(this.request, plan, status, headers)
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.dismiss(headers)
      this.fellBack = true
      this.#writer.fallBack(plan.fallback, `status ${status}`)
      return
    }
    reply.code(status)
    copyResponseHeaders(reply, headers, plan)
    const cookie = affinityCookie(plan.upstream, this.request, this.target!, status)
    if (cookie !== null) reply.header('set-cookie', cookie)
    this.#writer.begin(status, headers)
  }

  override onChunk (chunk: Buffer): void {
    if (!this.#writer.write(chunk)) this.pause()
  }

  protected override onEnd (trailers: IncomingHttpHeaders): void { this.#writer.end(trailers) }

  protected override onFailure (error: Error, started: boolean): void {
    this.fellBack = this.#writer.fail(error, started, this.clientGone)
  }

  pause (): void { this.controller!.pause() }
  resume (): void { this.controller!.resume() }
  cancel (): void { this.controller!.abort(unwanted()) }
  streams (): void { this.clearDeadline() }
}
