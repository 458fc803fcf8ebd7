import { reasonOf } from '../errors.ts'
import type { MirrorSettings } from '../upstream/declaration-schema.ts'
import {
  type AnswerHandler,
  type ClientRequest,
  isStream,
  type OutgoingRequest,
  type SendController,
} from '../upstream/outgoing-request.ts'
import type { HostSettings } from '../upstream/target-headers.ts'
import type { TimeoutSettings } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { bytes, milliseconds } from '../units.ts'
import { MIRROR_FIELD } from './forwarded-headers.ts'
import { LimitedBody } from './request-body.ts'

/** Bytes of a shadow's answer that are read before its connection is closed. */
const ANSWER_LIMIT = 1024 * 1024
/** Milliseconds between two reports of requests that were not mirrored. */
const REPORT_INTERVAL = 10_000

/**
 * Sends copies of requests to a shadow of an upstream and throws the answers away. It never slows or fails the request
 * that is copied: a request beyond its bounds is not copied.
 */
export class Mirror {
  readonly upstream: Upstream
  readonly #percent: number
  readonly #maxRequests: number
  readonly #maxBody: number
  readonly #timeouts: TimeoutSettings
  #inFlight = 0
  #missed = 0
  #reportedAt = -Infinity

  constructor(upstream: Upstream, { percent, maxRequests, maxBody, timeout }: MirrorSettings) {
    this.upstream = upstream
    this.#percent = percent ?? 100
    this.#maxRequests = maxRequests ?? 100
    this.#maxBody = bytes(maxBody ?? '64KiB')
    const most = milliseconds(timeout ?? '10s')
    this.#timeouts = { connect: 0, firstByte: most, idle: most, total: most, websocket: 0 }
  }

  /** Copies a request that is about to be sent. A streamed body is copied while it passes. */
  copy({ request, plan, path, headers, body }: OutgoingRequest): void {
    if (this.#percent < 100 && Math.random() * 100 >= this.#percent) return
    if (this.#inFlight >= this.#maxRequests) return this.#miss('too many in flight')
    const own = headers.slice()
    if (!isStream(body)) {
      if (body !== null && body.length > this.#maxBody) return this.#miss('the body is too large')
      return this.#send(request, plan, path, own, body)
    }
    if (!(body instanceof LimitedBody)) return
    this.#inFlight++
    body.copyTo(this.#maxBody, (whole) => {
      this.#inFlight--
      if (whole === null) this.#miss('the body is too large, or broke off')
      else this.#sendLater(request, plan, path, own, whole)
    })
  }

  /** An error here would reach the request that is copied, through its body. */
  #sendLater(request: ClientRequest, plan: HostSettings, path: string, headers: string[], body: Buffer): void {
    try {
      this.#send(request, plan, path, headers, body)
    } catch (error) {
      this.#miss(reasonOf(error))
    }
  }

  #send(
    request: ClientRequest,
    { preserveHost, fixedHost }: HostSettings,
    path: string,
    headers: string[],
    body: Buffer | null,
  ): void {
    const { upstream } = this
    if (!upstream.targets.some(({ hasRoom }) => hasRoom)) return this.#miss('no target')
    if (!headers.some((name, i) => i % 2 === 0 && name === MIRROR_FIELD)) headers.push(MIRROR_FIELD, '1')
    const plan = { upstream, timeouts: this.#timeouts, retry: null, hedge: null, preserveHost, fixedHost }
    this.#inFlight++
    upstream.dispatch(
      { request, plan, path, headers, body, upgrade: undefined, sending: null },
      new DiscardHandler((error) => {
        this.#inFlight--
        if (error === null) return
        const { code } = error as NodeJS.ErrnoException
        this.#miss(code === 'GW_UPSTREAM_UNAVAILABLE' ? 'no target' : 'the shadow failed')
      }),
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

/** Reads an answer to its end, or to its bound, and throws it away. */
class DiscardHandler implements AnswerHandler {
  readonly #over: (error: Error | null) => void
  #length = 0
  #done = false

  constructor(over: (error: Error | null) => void) {
    this.#over = over
  }

  onRequestStart(): void {}
  onResponseStart(): void {}

  onResponseData(controller: SendController, chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#length <= ANSWER_LIMIT) return
    this.#finish(null)
    controller.abort()
  }

  onResponseEnd(): void {
    this.#finish(null)
  }
  onResponseError(_controller: SendController, error: Error): void {
    this.#finish(error)
  }
  broken(error: unknown): void {
    this.#finish(error as Error)
  }

  #finish(error: Error | null): void {
    if (this.#done) return
    this.#done = true
    this.#over(error)
  }
}
