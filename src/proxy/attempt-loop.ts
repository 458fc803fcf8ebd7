import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { gatehouseError, reasonOf } from '../errors.ts'
import type { Target } from '../upstream/target.ts'
import type { AttemptFailure } from '../upstream/target-monitor.ts'
import { attemptFailure, brokenBeforeAnswer, neverConnected } from './attempt-failure.ts'
import type { ForwardPlan } from './forward-plan.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The exchange with the upstream; null when there is none. */
    exchange: AttemptLoop | null
  }
}

const kLoop = Symbol('gatehouse.attemptLoop')
type TrackedResponse = ServerResponse & { [kLoop]?: AttemptLoop }

/**
 * One request on its way to an upstream: select a target, send, judge, try again or answer. What becomes of the response
 * is up to the subclass; this class only sees to it that exactly one of its methods `onHead` (then `onChunk` and `onEnd`) and
 * `onFailure` begins, and that a client that goes away takes the request to the upstream with it.
 */
export abstract class AttemptLoop implements Dispatcher.DispatchHandler {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly plan: ForwardPlan
  readonly #path: string
  readonly #headers: string[]
  readonly #body: Buffer | Readable | null
  protected controller: Dispatcher.DispatchController | null = null
  protected clientGone = false
  /** The target of the current attempt. */
  target: Target | null = null
  /** Milliseconds from the last sending to the first byte of the answer; undefined before that. */
  firstByte: number | undefined
  #sentAt = 0
  #status = 0
  #underWay = false
  #upgrade: string | undefined
  #tried: Set<Target> | null = null
  #answered = false
  #repeated = false

  /**
   * @param path     path and query for the upstream, without the target's base path
   * @param headers  name, value, ...; the first is `host`, whose value is put in here
   */
  constructor (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string, headers: string[], body: Buffer | Readable | null) {
    this.request = request
    this.reply = reply
    this.plan = plan
    this.#path = path
    this.#headers = headers
    this.#body = body
  }

  protected abstract onHead (status: number, headers: IncomingHttpHeaders, statusText: string | undefined): void
  protected abstract onChunk (chunk: Buffer): void
  protected abstract onEnd (trailers: IncomingHttpHeaders): void
  /** @param started  whether `onHead` has been called, so that no other answer can be given any more */
  protected abstract onFailure (error: Error, started: boolean): void
  /** A 101 answer; only asked for with `upgrade`. */
  protected onUpgrade (_status: number, _headers: IncomingHttpHeaders, socket: Duplex): void { socket.destroy() }

  /** Sends the request. @param upgrade  protocol to upgrade to */
  start (upgrade?: string): void {
    const raw = this.reply.raw as TrackedResponse
    raw[kLoop] = this
    raw.on('close', onClientClose)
    this.request.exchange = this
    this.#upgrade = upgrade
    this.#attempt()
  }

  /** Ends the exchange with the upstream, whatever its state. */
  abort (): void {
    this.clientGone = true
    this.controller?.abort(new Error('the client went away'))
  }

  #attempt (): void {
    const { plan } = this
    const target = plan.upstream.select(this.request, this.#tried)
    if (target === null) return this.onFailure(new Error('no target'), false)
    this.target = target
    this.#status = 0
    this.#underWay = true
    target.began()
    this.#sentAt = performance.now()
    this.#headers[1] = plan.preserveHost ? this.request.raw.headers.host ?? target.host : target.host
    target.dispatch({
      path: target.basePath === '' ? this.#path : target.basePath + this.#path,
      method: this.request.method as Dispatcher.HttpMethod,
      headers: this.#headers,
      body: this.#body,
      headersTimeout: plan.timeouts.firstByte,
      bodyTimeout: plan.timeouts.idle,
      upgrade: this.#upgrade,
    }, this)
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.clientGone) controller.abort(new Error('the client went away'))
  }

  onResponseStart (controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders, statusText?: string): void {
    if (status < 200) {
      // informational; undici begins to wait anew with each of them
      if (performance.now() - this.#sentAt > this.plan.timeouts.firstByte) controller.abort(gatehouseError('GW_UPSTREAM_TIMEOUT'))
      return
    }
    this.#answered = true
    this.#status = status
    this.firstByte = performance.now() - this.#sentAt
    this.onHead(status, headers, statusText)
  }

  onRequestUpgrade (_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.#answered = true
    this.#status = status
    this.firstByte = performance.now() - this.#sentAt
    // a tunnel is under way until it closes
    socket.once('close', () => this.#over(null))
    this.onUpgrade(status, headers, socket)
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void { this.onChunk(chunk) }

  onResponseEnd (_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#over(null)
    this.onEnd(trailers)
  }

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    this.#over(this.clientGone ? 'cancelled' : attemptFailure(error))
    if (this.#answered || this.clientGone || !this.#mayRepeat(error)) return this.onFailure(error, this.#answered)
    this.controller = null
    this.request.log.warn({ reqId: this.request.id, upstream: this.plan.upstream.name, target: this.target!.origin, reason: reasonOf(error) }, 'attempt failed, trying again')
    this.#attempt()
  }

  /** Tells the target how the attempt has ended, once. */
  #over (failure: AttemptFailure | null): void {
    if (!this.#underWay) return
    this.#underWay = false
    this.target!.ended(this.#status, failure, this.#status === 0 ? 0 : this.firstByte!)
  }

  /** Marks the target as tried and says whether there is another attempt to make. */
  #mayRepeat (error: Error): boolean {
    const isStream = this.#body !== null && !Buffer.isBuffer(this.#body)
    if (isStream && (this.#body as Readable).readableDidRead) return false
    if (neverConnected(error)) {
      (this.#tried ??= new Set()).add(this.target!)
      return this.#tried.size < this.plan.upstream.targets.length
    }
    if (this.#repeated || isStream || !brokenBeforeAnswer(error, this.request.method)) return false
    this.#repeated = true
    // with one target the same is asked again: what broke was a connection that had gone stale
    if (this.plan.upstream.targets.length > 1) (this.#tried ??= new Set()).add(this.target!)
    return true
  }
}

function onClientClose (this: TrackedResponse): void {
  if (!this.writableFinished) this[kLoop]?.abort()
}
