import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { reasonOf } from '../errors.ts'
import type { MirrorSettings } from '../upstream/declaration-schema.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { bytes, milliseconds } from '../units.ts'
import { attemptFailure } from './attempt-failure.ts'
import { MIRROR_FIELD } from './forwarded-headers.ts'
import { type BreakableHandler, GuardedHandler } from './guarded-handler.ts'
import { LimitedBody } from './limited-body.ts'
import { aimHeaders, type HostSettings } from './target-headers.ts'

/** Largest part of a shadow's answer that is read before the connection is given up. */
const ANSWER_LIMIT = 1024 * 1024
/** Milliseconds between two words on what could not be mirrored. */
const REPORT_INTERVAL = 10_000

/**
 * Sends copies of requests to a shadow of an upstream and throws the answers away. It never slows or fails the request
 * that is copied: what does not fit within its bounds is not copied.
 */
export class Mirror {
  readonly upstream: Upstream
  readonly #percent: number
  readonly #maxRequests: number
  readonly #maxBody: number
  readonly #timeout: number
  #underWay = 0
  #missed = 0
  #reportedAt = -Infinity

  constructor(upstream: Upstream, { percent, maxRequests, maxBody, timeout }: MirrorSettings) {
    this.upstream = upstream
    this.#percent = percent ?? 100
    this.#maxRequests = maxRequests ?? 100
    this.#maxBody = bytes(maxBody ?? '64KiB')
    this.#timeout = milliseconds(timeout ?? '10s')
  }

  /**
   * Copies a request that is about to be forwarded.
   * @param plan     which `Host` the shadow gets: the same as the service
   * @param headers  those for the upstream; the first is `host`
   * @param body     a streamed one is copied as it passes
   */
  copy(
    request: FastifyRequest,
    plan: HostSettings,
    path: string,
    headers: readonly string[],
    body: Buffer | Readable | null,
  ): void {
    if (this.#percent < 100 && Math.random() * 100 >= this.#percent) return
    if (this.#underWay >= this.#maxRequests) return this.#miss('too many under way')
    const own = headers.slice()
    if (body === null || Buffer.isBuffer(body)) {
      if (body !== null && body.length > this.#maxBody) return this.#miss('the body is too large')
      return this.#send(request, plan, path, own, body)
    }
    if (!(body instanceof LimitedBody)) return
    this.#underWay++
    body.copyTo(this.#maxBody, (whole) => {
      this.#underWay--
      if (whole === null) this.#miss('the body is too large, or broke off')
      else this.#sendLater(request, plan, path, own, whole)
    })
  }

  /** What is thrown here would reach the request that is copied, through its body. */
  #sendLater(request: FastifyRequest, plan: HostSettings, path: string, headers: string[], body: Buffer): void {
    try {
      this.#send(request, plan, path, headers, body)
    } catch (error) {
      this.#miss(reasonOf(error))
    }
  }

  #send(request: FastifyRequest, plan: HostSettings, path: string, headers: string[], body: Buffer | null): void {
    const target = this.upstream.select(request, null)
    if (target === null) return this.#miss('no target')
    aimHeaders(headers, request, target, plan)
    if (!headers.some((name, i) => i % 2 === 0 && name === MIRROR_FIELD)) headers.push(MIRROR_FIELD, '1')
    this.#underWay++
    target.began()
    const over = (status: number, failure: unknown): void => {
      clearTimeout(timer)
      this.#underWay--
      target.ended(status, failure === null ? null : attemptFailure(failure), 0)
      if (failure !== null) this.#miss('the shadow failed')
    }
    const discard = new Discard(over)
    const timer = setTimeout(() => discard.abort(), this.#timeout).unref()
    target.dispatch(
      {
        path: target.basePath + path,
        method: request.method as Dispatcher.HttpMethod,
        headers,
        body,
        headersTimeout: this.#timeout,
        bodyTimeout: this.#timeout,
      },
      new GuardedHandler(discard),
    )
  }

  #miss(reason: string): void {
    this.#missed++
    const now = performance.now()
    if (now - this.#reportedAt < REPORT_INTERVAL) return
    this.upstream.report('mirror_missed', null, { reason, requests: this.#missed })
    this.#missed = 0
    this.#reportedAt = now
  }
}

/** Reads an answer to its end, or to its bound, for nobody. */
class Discard implements BreakableHandler {
  readonly #over: (status: number, failure: unknown) => void
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #length = 0
  #done = false

  constructor(over: (status: number, failure: unknown) => void) {
    this.#over = over
  }

  abort(): void {
    this.#finish(Object.assign(new Error('the shadow is too slow'), { code: 'GW_UPSTREAM_TIMEOUT' }))
    this.#controller?.abort(new Error('the shadow is too slow'))
  }

  /** Nobody waits for the answer: it is given up. */
  broke(): void {
    this.#done = true
    this.#controller?.abort(new Error('the shadow is given up'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#done) controller.abort(new Error('the shadow is too slow'))
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#length <= ANSWER_LIMIT) return
    this.#finish(null)
    controller.abort(new Error('nobody reads it'))
  }

  onResponseEnd(): void {
    this.#finish(null)
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish(error)
  }

  #finish(failure: unknown): void {
    if (this.#done) return
    this.#done = true
    this.#over(this.#status, failure)
  }
}
