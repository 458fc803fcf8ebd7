import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { gatehouseError, reasonOf } from '../errors.ts'
import type { ConcurrencyLimit } from '../traffic/resilience/concurrency-limit.ts'
import { Attempt, type AttemptOwner, unwanted } from './attempt.ts'
import { isWorthRetrying, noTargetError, overloadError } from './attempt-failure.ts'
import { HedgeRace } from './hedge-race.ts'
import { type AnswerHandler, isStream, type OutgoingRequest, type SendController } from './outgoing-request.ts'
import { RetryState } from './retry-state.ts'
import { RoomWait } from './room-wait.ts'
import type { Target } from './target.ts'
import type { AttemptFailure } from './target-monitor.ts'

/**
 * Sends one request to an upstream: selects a target, sends, judges the answer, tries again, and passes the one answer
 * that counts to the handler. It is also the controller that the handler pauses, resumes and aborts.
 */
export class AttemptLoop implements AttemptOwner, SendController {
  readonly outgoing: OutgoingRequest
  attempts = 0
  wait: RoomWait | null = null
  /** Why the handler has aborted the request. */
  reason: Error | null = null
  readonly #handler: AnswerHandler
  /** The attempt whose answer is awaited or passed on. */
  #current: Attempt | null = null
  #retry: RetryState | null = null
  #race: HedgeRace | null = null
  /** Until the next attempt. */
  #pause: NodeJS.Timeout | null = null
  /** Until the client must have its answer. */
  #deadline: NodeJS.Timeout | null = null
  #startedAt = 0
  /** The error of the last attempt; null when it was answered. */
  #lastError: Error | null = null
  #admitted = false
  #answered = false
  #over = false

  constructor(outgoing: OutgoingRequest, handler: AnswerHandler) {
    this.outgoing = outgoing
    this.#handler = handler
  }

  /** Never throws: what the handler throws goes to its `broken`. */
  start(): void {
    const { outgoing } = this
    try {
      outgoing.sending = this
      this.#handler.onRequestStart(this)
      if (this.#over) return
      const { upstream, timeouts, hedge } = outgoing.plan
      if (upstream.concurrency !== null && !this.#admit(upstream.concurrency)) return this.#fail(overloadError())
      this.#startedAt = performance.now()
      upstream.retryBudget.countRequest(this.#startedAt)
      if (timeouts.total > 0) this.#deadline = setTimeout(onDeadline, timeouts.total, this).unref()
      if (hedge !== null && outgoing.upgrade === undefined && hedge.covers(outgoing.request.method, outgoing.body)) {
        this.#race = new HedgeRace(hedge, this, this.#retryState())
      }
      this.attempt()
    } catch (error) {
      this.broken(error)
    }
  }

  get target(): Target | null {
    return this.#current && this.#current.target
  }
  get firstByte(): number | undefined {
    return this.#current?.firstByte
  }
  get status(): number {
    return this.#current?.status ?? 0
  }
  get aborted(): boolean {
    return this.reason !== null
  }
  get paused(): boolean {
    return this.#current?.controller?.paused ?? false
  }
  get rawHeaders(): Dispatcher.DispatchController['rawHeaders'] {
    return this.#current?.controller?.rawHeaders
  }
  get rawTrailers(): Dispatcher.DispatchController['rawTrailers'] {
    return this.#current?.controller?.rawTrailers
  }
  pause(): void {
    this.#current?.controller?.pause()
  }
  resume(): void {
    this.#current?.controller?.resume()
  }

  abort(reason: Error = unwanted()): void {
    if (this.#over) return
    this.reason = reason
    this.#current?.stop('cancelled')
    this.#fail(reason, 'cancelled')
  }

  clearDeadline(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline)
  }

  dismiss(headers: IncomingHttpHeaders): void {
    this.#current!.drop(headers)
    this.#finish(false)
  }

  /** The gateway itself has thrown: the request ends, and its client gets 500. Never throws. */
  broken(error: unknown): void {
    try {
      this.#finish(false)
      this.#current?.stop('cancelled')
    } catch {
      // the handler answers in any case
    }
    this.#handler.broken(error)
  }

  /** The time for all attempts together is over. */
  expire(): void {
    const { body, request } = this.outgoing
    // a client that is slow to send its body must not make the upstream look slow
    const failure = isStream(body) && !request.raw.complete ? 'cancelled' : 'timeout'
    this.#current?.stop(failure)
    this.#fail(
      failure === 'cancelled'
        ? gatehouseError('GW_REQUEST_TIMEOUT', { headers: { connection: 'close' } })
        : gatehouseError('GW_UPSTREAM_TIMEOUT'),
      failure,
    )
  }

  #admit(limit: ConcurrencyLimit): boolean {
    if (!(this.#admitted = limit.tryAcquire())) {
      const { plan, request } = this.outgoing
      plan.upstream.report('overloaded', null, { reqId: request.id, limit: limit.limit })
    }
    return this.#admitted
  }

  /** Makes the next attempt. */
  attempt(): void {
    const { plan, request } = this.outgoing
    const { upstream } = plan
    if (upstream.queue !== null) upstream.queue.offer() // requests that wait already come first
    if (this.trySend()) return
    if (!upstream.isFull(request)) this.#fail(this.#lastError ?? noTargetError(upstream.availableIn()))
    else if (!(this.wait ??= new RoomWait(this)).begin()) this.refuse()
  }

  /** Sends the request, if there is a target for it now. */
  trySend(): boolean {
    const { plan, request } = this.outgoing
    const target = this.#retry === null ? plan.upstream.select(request, null) : this.#retry.select()
    if (target === null) return false
    if (this.wait !== null) this.wait.end()
    const attempt = (this.#current = new Attempt(this, target))
    this.attempts++
    attempt.send()
    if (this.#race !== null && attempt.isInFlight) this.#race.arm()
    return true
  }

  /** Ends the request, because its targets are full. */
  refuse(): void {
    this.#fail(this.#lastError ?? overloadError())
  }

  attemptInformed(status: number, headers: IncomingHttpHeaders): void {
    this.#handler.onResponseStart(this, status, headers)
  }

  attemptAnswered(
    attempt: Attempt,
    status: number,
    headers: IncomingHttpHeaders,
    statusText: string | undefined,
  ): void {
    if (status >= 400 && this.#passesOver(attempt, status, headers)) return
    this.#answered = true
    if (this.#race !== null) {
      this.#race.settle(attempt, this.#current!)
      this.#current = attempt
    }
    this.#handler.onResponseStart(this, status, headers, statusText)
  }

  attemptUpgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.#answered = true
    this.clearDeadline()
    if (this.#handler.onRequestUpgrade === undefined) socket.destroy()
    else this.#handler.onRequestUpgrade(this, status, headers, socket)
  }

  attemptData(chunk: Buffer): void {
    this.#handler.onResponseData(this, chunk)
  }

  attemptEnded(trailers: IncomingHttpHeaders): void {
    this.#finish(false)
    this.#handler.onResponseEnd(this, trailers)
  }

  tunnelClosed(): void {
    this.#finish(false)
  }

  attemptFailed(attempt: Attempt, error: Error, failure: AttemptFailure): void {
    if (this.#answered) return this.#fail(error, failure)
    if (this.#hasStandIn(attempt)) return
    const delay = isWorthRetrying(error, failure)
      ? this.#retryState().next(attempt.target, failure, undefined)
      : undefined
    if (delay === undefined) return this.#fail(error, failure)
    this.#lastError = error
    this.#again(attempt, delay, reasonOf(error))
  }

  /** Whether a response is not the answer, because there is or will be another attempt. */
  #passesOver(attempt: Attempt, status: number, headers: IncomingHttpHeaders): boolean {
    const { retry } = this.outgoing.plan
    const isTriedAgain = retry !== null && retry.on.hasStatus(status)
    if ((isTriedAgain || status >= 500) && this.#hasStandIn(attempt)) {
      attempt.drop(headers)
      return true
    }
    const delay = isTriedAgain ? this.#retryState().next(attempt.target, null, headers['retry-after']) : undefined
    if (delay === undefined) return false
    attempt.drop(headers)
    this.#lastError = null
    this.#again(attempt, delay, `status ${status}`)
    return true
  }

  #again({ target }: Attempt, delay: number, reason: string): void {
    const { plan, request } = this.outgoing
    this.#race?.disarm()
    plan.upstream.report('retried', target, { reqId: request.id, attempt: this.attempts, reason, delayMs: delay })
    if (delay === 0) this.attempt()
    else this.#pause = setTimeout(onPauseOver, delay, this).unref()
  }

  /** Whether another attempt is in flight, which then takes the place of the failed one. */
  #hasStandIn(failed: Attempt): boolean {
    const other = this.#race?.standIn(failed, this.#current!)
    if (other === undefined) return false
    this.#retryState().tried.add(failed.target)
    this.#current = other
    return true
  }

  #retryState(): RetryState {
    return (this.#retry ??= new RetryState(this.outgoing, this.#startedAt))
  }

  #fail(error: Error, failure?: AttemptFailure): void {
    if (this.#over) return
    this.#finish(failure !== 'cancelled')
    this.#handler.onResponseError(this, error)
  }

  /** Nothing more comes from the upstream. @param failed  whether the upstream is to blame */
  #finish(failed: boolean): void {
    if (this.#over) return
    this.#over = true
    this.clearDeadline()
    if (this.wait !== null) this.wait.end()
    if (this.#pause !== null) clearTimeout(this.#pause)
    if (this.#race !== null) this.#race.close()
    if (this.#admitted) {
      const { plan, body } = this.outgoing
      // how long a streamed body took is up to the client
      plan.upstream.concurrency!.release(isStream(body) ? 0 : (this.firstByte ?? 0), failed)
    }
  }
}

/** The pause before the next attempt is over. An error out of a timer would end the process. */
function onPauseOver(loop: AttemptLoop): void {
  try {
    loop.attempt()
  } catch (error) {
    loop.broken(error)
  }
}

/** The time for all attempts together is over. */
function onDeadline(loop: AttemptLoop): void {
  try {
    loop.expire()
  } catch (error) {
    loop.broken(error)
  }
}
