import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { gatehouseError } from '../errors.ts'
import type { Target } from '../upstream/target.ts'
import type { AttemptFailure } from '../upstream/target-monitor.ts'
import { attemptFailure } from './attempt-failure.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { type BreakableHandler, GuardedHandler } from './guarded-handler.ts'
import { aimHeaders } from './target-headers.ts'

/** Longest content that is read to the end though nobody wants it, which keeps its connection. Bytes. */
const DRAINED = 16 * 1024
/** Shorter times until the first byte are kept to exactly. Milliseconds. */
const PRECISE = 10_000
/** How long that may take. Milliseconds. */
const DRAIN_TIME = 1000

/** A request on its way, which hears of its attempts until they are over, dropped or stopped. */
export interface AttemptOwner {
  readonly request: FastifyRequest
  readonly plan: ForwardPlan
  /** Path and query for the upstream, without the target's base path. */
  readonly path: string
  /** Name, value, ...; the first is `host`, whose value is put in for each target. */
  readonly headers: string[]
  readonly body: Buffer | Readable | null
  /** Protocol to upgrade to. */
  readonly upgrade: string | undefined
  attemptAnswered(attempt: Attempt, status: number, headers: IncomingHttpHeaders, statusText: string | undefined): void
  attemptUpgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void
  /** A response before the one that is waited for. */
  onInformational(status: number, headers: IncomingHttpHeaders): void
  onChunk(chunk: Buffer): void
  attemptEnded(trailers: IncomingHttpHeaders): void
  tunnelClosed(): void
  attemptFailed(attempt: Attempt, error: Error, failure: AttemptFailure): void
  /** Something of the gateway's own has thrown. Never throws. */
  broken(error: unknown): void
}

/** One sending of a request to one target. It tells the target how it has gone, exactly once. */
export class Attempt implements BreakableHandler {
  readonly target: Target
  /** When it was sent, by the monotonic clock in milliseconds. */
  readonly sentAt = performance.now()
  /** Null until the request goes over a connection. */
  controller: Dispatcher.DispatchController | null = null
  /** Milliseconds from the sending to the first byte of the answer; undefined before that. */
  firstByte: number | undefined
  /** Status of the answer; 0 before that. */
  status = 0
  readonly #owner: AttemptOwner
  #state: 'under way' | 'dropped' | 'over' = 'under way'
  #timer: NodeJS.Timeout | null = null

  constructor(owner: AttemptOwner, target: Target) {
    this.#owner = owner
    this.target = target
  }

  get isUnderWay(): boolean {
    return this.#state === 'under way'
  }

  /** @param headers  those of the request, or a copy when it is under way elsewhere */
  send(headers = this.#owner.headers): void {
    const { target } = this
    const { request, plan, path, body, upgrade } = this.#owner
    // a body that streams takes as long as the client does, and cannot be sent again
    if (plan.retry !== null && plan.retry.perTry > 0 && !isStream(body)) {
      this.#timer = setTimeout(onTooSlow, plan.retry.perTry, this).unref()
    }
    aimHeaders(headers, request, target, plan)
    target.began()
    target.dispatch(
      {
        path: target.basePath === '' ? path : target.basePath + path,
        method: request.method as Dispatcher.HttpMethod,
        headers,
        body,
        headersTimeout: plan.timeouts.firstByte,
        bodyTimeout: plan.timeouts.idle,
        upgrade,
      },
      new GuardedHandler(this),
    )
  }

  /** Breaks it off; nothing is heard of it any more. */
  stop(failure: AttemptFailure): void {
    if (this.#state === 'over') return
    this.#over(this.#state === 'dropped' ? null : failure)
    this.controller?.abort(unwanted())
  }

  /**
   * Does without the content of an answer that has been judged by its head; a short one is read to keep its connection.
   */
  drop(headers: IncomingHttpHeaders): void {
    if (!(Number(headers['content-length']) <= DRAINED)) {
      this.#over(null)
      this.controller!.abort(unwanted())
      return
    }
    this.#state = 'dropped'
    this.#timer = setTimeout(onDrainTooSlow, DRAIN_TIME, this).unref()
  }

  /** The time for its answer is up. */
  expire(): void {
    if (this.#state !== 'under way') return
    const error = gatehouseError('GW_UPSTREAM_TIMEOUT')
    this.stop('timeout')
    this.#owner.attemptFailed(this, error, 'timeout')
  }

  /**
   * Ends the exchange because the gateway itself has thrown while it handled an event of this attempt. undici would
   * take the error for one of the connection, or hand it to nobody, and the client would wait for ever.
   */
  broke(error: unknown): void {
    try {
      this.stop('cancelled')
    } catch {
      this.controller?.abort(unwanted())
    }
    this.#owner.broken(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.#state === 'over') controller.abort(unwanted())
    const {
      plan: {
        timeouts: { firstByte },
      },
      body,
    } = this.#owner
    // undici counts half seconds
    if (
      firstByte > 0 &&
      firstByte < PRECISE &&
      this.#timer === null &&
      this.#state === 'under way' &&
      !isStream(body)
    ) {
      this.#timer = setTimeout(onTooSlow, firstByte, this).unref()
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText?: string,
  ): void {
    if (this.#state === 'over') return
    const elapsed = performance.now() - this.sentAt
    if (status < 200) {
      // informational; undici begins to wait anew with each of them
      if (elapsed > this.#owner.plan.timeouts.firstByte) controller.abort(gatehouseError('GW_UPSTREAM_TIMEOUT'))
      else if (this.#state === 'under way') this.#owner.onInformational(status, headers)
      return
    }
    const mistake = mistakeOf(headers)
    if (mistake !== null) {
      controller.abort(new Error(mistake))
      return
    }
    this.#answered(status, elapsed)
    this.#owner.attemptAnswered(this, status, headers, statusText)
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    if (this.#state === 'over') {
      socket.destroy()
      return
    }
    // RFC 6455, section 4.1: it has agreed to something that nobody has asked for
    if (String(headers.upgrade).toLowerCase() !== 'websocket') {
      socket.destroy()
      this.onResponseError(
        this.controller!,
        new Error(`changed to the protocol ${JSON.stringify(headers.upgrade ?? null)}, which nobody has asked for`),
      )
      return
    }
    this.#answered(status, performance.now() - this.sentAt)
    // a tunnel is under way until it closes
    socket.once('close', () => {
      try {
        if (this.#state !== 'over') this.#over(null)
        this.#owner.tunnelClosed()
      } catch (error) {
        this.broke(error)
      }
    })
    this.#owner.attemptUpgraded(status, headers, socket)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#state === 'under way') this.#owner.onChunk(chunk)
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    const wasUnderWay = this.#state === 'under way'
    if (this.#state !== 'over') this.#over(null)
    if (wasUnderWay) this.#owner.attemptEnded(trailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#state === 'over') return
    const wasUnderWay = this.#state === 'under way'
    const failure = attemptFailure(error)
    this.#over(wasUnderWay ? failure : null)
    if (wasUnderWay) this.#owner.attemptFailed(this, error, failure)
  }

  #answered(status: number, elapsed: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.status = status
    this.firstByte = elapsed
    this.target.answered(status, elapsed)
  }

  #over(failure: AttemptFailure | null): void {
    this.#state = 'over'
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.target.ended(this.status, failure, this.firstByte ?? 0)
  }
}

/** Whether a body comes from the client as it is sent on. */
export const isStream = (body: Buffer | Readable | null): body is Readable => body !== null && !Buffer.isBuffer(body)

/** What undici is told of an exchange that nobody waits for any more; it says nothing about the upstream. */
export const unwanted = (): Error => Object.assign(new Error('the response is no longer wanted'), { code: 'ABORT_ERR' })

/** The transfer coding that is taken off (RFC 9112, section 7.1), or one of old that changes nothing. */
const TAKEN_OFF = /^(?:chunked|identity)$/i

/** What makes a response none that could be handed on. */
function mistakeOf({ 'transfer-encoding': coding }: IncomingHttpHeaders): string | null {
  // nobody would take the coding off, or tell the client of it
  return coding !== undefined && !TAKEN_OFF.test(String(coding).trim())
    ? `answered in the transfer coding ${JSON.stringify(coding)}, which nobody has asked for`
    : null
}

function onTooSlow(attempt: Attempt): void {
  try {
    attempt.expire()
  } catch (error) {
    attempt.broke(error)
  }
}

function onDrainTooSlow(attempt: Attempt): void {
  try {
    attempt.stop('cancelled')
  } catch (error) {
    attempt.broke(error)
  }
}
