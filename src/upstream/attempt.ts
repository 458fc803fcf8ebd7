import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { gatehouseError } from '../errors.ts'
import { attemptFailure } from './attempt-failure.ts'
import { type BreakableHandler, GuardedHandler } from './guarded-handler.ts'
import { isStream, type OutgoingRequest } from './outgoing-request.ts'
import { aimHeaders } from './target-headers.ts'
import type { AttemptFailure } from './target-monitor.ts'
import type { Target } from './target.ts'

/** Longest unwanted content that is read to its end, so that the connection can be used again. Bytes. */
const DRAINED = 16 * 1024
/** How long that may take. Milliseconds. */
const DRAIN_TIME = 1000
/** A shorter time until the first byte gets a timer of its own, since undici counts half seconds. Milliseconds. */
const PRECISE = 10_000

/** The loop that an attempt belongs to. It hears of the attempt until that is over, dropped or stopped. */
export interface AttemptOwner {
  readonly outgoing: OutgoingRequest
  /** An informational response has come, before the final one. */
  attemptInformed(status: number, headers: IncomingHttpHeaders): void
  attemptAnswered(attempt: Attempt, status: number, headers: IncomingHttpHeaders, statusText: string | undefined): void
  attemptUpgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void
  attemptData(chunk: Buffer): void
  attemptEnded(trailers: IncomingHttpHeaders): void
  tunnelClosed(): void
  attemptFailed(attempt: Attempt, error: Error, failure: AttemptFailure): void
  /** The gateway itself has thrown. Never throws. */
  broken(error: unknown): void
}

/** Sends a request to one target, once. The target hears exactly once how it went. */
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
  #state: 'in flight' | 'dropped' | 'over' = 'in flight'
  #timer: NodeJS.Timeout | null = null

  constructor(owner: AttemptOwner, target: Target) {
    this.#owner = owner
    this.target = target
  }

  get isInFlight(): boolean {
    return this.#state === 'in flight'
  }

  /** @param headers  those of the request, or a copy while another attempt of it is in flight */
  send(headers = this.#owner.outgoing.headers): void {
    const { target } = this
    const { request, plan, path, body, upgrade } = this.#owner.outgoing
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

  /** Breaks the attempt off. The owner hears no more of it. */
  stop(failure: AttemptFailure): void {
    if (this.#state === 'over') return
    this.#over(this.#state === 'dropped' ? null : failure)
    this.controller?.abort(unwanted())
  }

  /** Skips the content of an answer that was judged by its head. Short content is read, to keep the connection. */
  drop(headers: IncomingHttpHeaders): void {
    if (!(Number(headers['content-length']) <= DRAINED)) {
      this.#over(null)
      this.controller!.abort(unwanted())
      return
    }
    this.#state = 'dropped'
    this.#timer = setTimeout(onDrainTooSlow, DRAIN_TIME, this).unref()
  }

  /** The answer has not come in time. */
  expire(): void {
    if (this.#state !== 'in flight') return
    const error = gatehouseError('GW_UPSTREAM_TIMEOUT')
    this.stop('timeout')
    this.#owner.attemptFailed(this, error, 'timeout')
  }

  /** Ends the request, because the gateway itself has thrown while it handled an event of this attempt. */
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
    const { plan, body } = this.#owner.outgoing
    const { firstByte } = plan.timeouts
    if (
      firstByte > 0 &&
      firstByte < PRECISE &&
      this.#timer === null &&
      this.#state === 'in flight' &&
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
      // informational: undici starts its timer anew with each
      if (elapsed > this.#owner.outgoing.plan.timeouts.firstByte) {
        controller.abort(gatehouseError('GW_UPSTREAM_TIMEOUT'))
      } else if (this.#state === 'in flight') this.#owner.attemptInformed(status, headers)
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
    // RFC 6455, section 4.1: the target has switched to another protocol than the one that was asked for
    if (String(headers.upgrade).toLowerCase() !== 'websocket') {
      socket.destroy()
      this.onResponseError(
        this.controller!,
        new Error(`changed to the protocol ${JSON.stringify(headers.upgrade ?? null)}, which nobody has asked for`),
      )
      return
    }
    this.#answered(status, performance.now() - this.sentAt)
    // the attempt lasts as long as the tunnel
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
    if (this.#state === 'in flight') this.#owner.attemptData(chunk)
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    const wasInFlight = this.#state === 'in flight'
    if (this.#state !== 'over') this.#over(null)
    if (wasInFlight) this.#owner.attemptEnded(trailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#state === 'over') return
    const wasInFlight = this.#state === 'in flight'
    const failure = attemptFailure(error)
    this.#over(wasInFlight ? failure : null)
    if (wasInFlight) this.#owner.attemptFailed(this, error, failure)
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

/** The reason of an abort when nobody waits for the response any more. It says nothing about the upstream. */
export const unwanted = (): Error => Object.assign(new Error('the response is no longer wanted'), { code: 'ABORT_ERR' })

/** The transfer coding that undici decodes (RFC 9112, section 7.1), and an obsolete one that changes nothing. */
const TAKEN_OFF = /^(?:chunked|identity)$/i

/** Why a response cannot be passed on; null when it can. */
function mistakeOf({ 'transfer-encoding': coding }: IncomingHttpHeaders): string | null {
  // nobody would decode it, or name the coding to the client
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
