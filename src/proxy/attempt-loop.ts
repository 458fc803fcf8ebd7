import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { gatehouseError, reasonOf } from '../errors.ts'
import { failReply } from '../listener/settle.ts'
import type { ConcurrencyLimit } from '../traffic/resilience/concurrency-limit.ts'
import type { Target } from '../upstream/target.ts'
import type { AttemptFailure } from '../upstream/target-monitor.ts'
import { Attempt, type AttemptOwner, isStream, unwanted } from './attempt.ts'
import { isWorthRetrying, noTargetError, overloadError } from './attempt-failure.ts'
import { unwatchClient, watchClient } from './client-departure.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { HedgeRace } from './hedge-race.ts'
import { sendInformational } from './informational.ts'
import { RetryState } from './retry-state.ts'
import { RoomWait } from './room-wait.ts'
import { onDeadline, onPauseOver } from './timed-steps.ts'

/**
 * One request on its way to an upstream: select a target, send, judge, try again or answer. What becomes of the
 * response is up to the subclass; this class only sees to it that exactly one of its methods `onHead` (then `onChunk`
 * and `onEnd`) and `onFailure` begins, and that a client that goes away takes the request to the upstream with it.
 */
export abstract class AttemptLoop implements AttemptOwner {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly plan: ForwardPlan
  readonly path: string
  readonly headers: string[]
  readonly body: Buffer | Readable | null
  upgrade: string | undefined
  /** How often the request has been sent. */
  attempts = 0
  /** Whether the client has got the fallback instead of an error. */
  fellBack = false
  /** For a target with room. */
  wait: RoomWait | null = null
  protected clientGone = false
  /** The attempt whose answer is waited for or relayed. */
  #current: Attempt | null = null
  #retry: RetryState | null = null
  #race: HedgeRace | null = null
  /** Until the next attempt. */
  #pause: NodeJS.Timeout | null = null
  /** Until the client must have its answer. */
  #deadline: NodeJS.Timeout | null = null
  #startedAt = 0
  /** What the last attempt has failed with; null when it was a response. */
  #lastError: Error | null = null
  #admitted = false
  #answered = false
  #over = false

  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    plan: ForwardPlan,
    path: string,
    headers: string[],
    body: Buffer | Readable | null,
  ) {
    this.request = request
    this.reply = reply
    this.plan = plan
    this.path = path
    this.headers = headers
    this.body = body
  }

  onInformational(status: number, headers: IncomingHttpHeaders): void {
    sendInformational(this.reply, status, headers, this.plan)
  }
  protected abstract onHead(status: number, headers: IncomingHttpHeaders, statusText: string | undefined): void
  abstract onChunk(chunk: Buffer): void
  protected abstract onEnd(trailers: IncomingHttpHeaders): void
  /** @param started  whether `onHead` has been called, so that no other response can be relayed any more */
  protected abstract onFailure(error: Error, started: boolean): void
  /** A 101 answer; only asked for with `upgrade`. */
  protected onUpgrade(_status: number, _headers: IncomingHttpHeaders, socket: Duplex): void {
    socket.destroy()
  }

  /** The target of the current attempt. */
  get target(): Target | null {
    return this.#current && this.#current.target
  }
  /** Milliseconds from the last sending to the first byte of the answer; undefined before that. */
  get firstByte(): number | undefined {
    return this.#current?.firstByte
  }
  /** Status that the upstream has answered with; 0 before that. */
  get upstreamStatus(): number {
    return this.#current?.status ?? 0
  }
  protected get controller(): Dispatcher.DispatchController | null {
    return this.#current && this.#current.controller
  }

  /** Sends the request. @param upgrade  protocol to upgrade to */
  start(upgrade?: string): void {
    try {
      this.watch()
      this.upgrade = upgrade
      const { upstream, timeouts, hedge } = this.plan
      if (upstream.concurrency !== null && !this.#admit(upstream.concurrency)) return this.#fail(overloadError())
      this.#startedAt = performance.now()
      upstream.retryBudget.countRequest(this.#startedAt)
      if (timeouts.total > 0) this.#deadline = setTimeout(onDeadline, timeouts.total, this).unref()
      if (hedge !== null && upgrade === undefined && hedge.covers(this.request.method, this.body)) {
        this.#race = new HedgeRace(hedge, this, this.#retryState())
      }
      this.attempt()
    } catch (error) {
      this.broken(error)
    }
  }

  /** The gateway itself has thrown: the exchange ends, and whoever waits for its answer gets 500. Never throws. */
  broken(error: unknown): void {
    this.request.log.error(
      { reqId: this.request.id, code: 'GW_INTERNAL', err: error },
      'the gateway failed in an exchange with an upstream',
    )
    try {
      this.#finish(false)
      this.#current?.stop('cancelled')
      this.onFailure(gatehouseError('GW_INTERNAL', { cause: error }), this.#answered)
    } catch (second) {
      failReply(this.reply, second)
    }
  }

  /** Ties the exchange to its client. */
  protected watch(): void {
    watchClient(this.reply.raw, this)
    this.request.exchange = this
  }

  /** Ends the exchange because the client is gone. */
  abort(): void {
    if (this.#over) return
    this.clientGone = true
    this.#current?.stop('cancelled')
    this.#fail(unwanted())
  }

  /** The time for the whole exchange is up. */
  expire(): void {
    // a client that is slow to send its body must not make the upstream look slow
    const failure = isStream(this.body) && !this.request.raw.complete ? 'cancelled' : 'timeout'
    this.#current?.stop(failure)
    this.#fail(
      failure === 'cancelled'
        ? gatehouseError('GW_REQUEST_TIMEOUT', { headers: { connection: 'close' } })
        : gatehouseError('GW_UPSTREAM_TIMEOUT'),
      failure,
    )
  }

  /** The client gets its answer from now on, so that the exchange may take as long as that does. */
  protected clearDeadline(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline)
  }
  /** Does without the content of the response whose head has come; nothing more is heard of it. */
  protected dismiss(headers: IncomingHttpHeaders): void {
    this.#current!.drop(headers)
    this.#finish(false)
  }

  #admit(limit: ConcurrencyLimit): boolean {
    if (!(this.#admitted = limit.tryAcquire())) {
      this.plan.upstream.report('overloaded', null, { reqId: this.request.id, limit: limit.limit })
    }
    return this.#admitted
  }

  /** Makes the next attempt. */
  attempt(): void {
    const { upstream } = this.plan
    if (upstream.queue !== null) upstream.queue.offer() // who waits already comes first
    if (this.trySend()) return
    if (!upstream.isFull(this.request)) this.#fail(this.#lastError ?? noTargetError(upstream.availableIn()))
    else if (!(this.wait ??= new RoomWait(this)).begin()) this.refuse()
  }

  /** Sends the request, if there is a target for it now. */
  trySend(): boolean {
    const target = this.#retry === null ? this.plan.upstream.select(this.request, null) : this.#retry.select()
    if (target === null) return false
    if (this.wait !== null) this.wait.end()
    const attempt = (this.#current = new Attempt(this, target))
    this.attempts++
    attempt.send()
    if (this.#race !== null && attempt.isUnderWay) this.#race.arm()
    return true
  }

  /** Answers the request, because its targets are full. */
  refuse(): void {
    this.#fail(this.#lastError ?? overloadError())
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
    this.onHead(status, headers, statusText)
  }

  attemptUpgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.#answered = true
    this.clearDeadline()
    unwatchClient(this.reply.raw)
    this.onUpgrade(status, headers, socket)
  }

  attemptEnded(trailers: IncomingHttpHeaders): void {
    this.#finish(false)
    this.onEnd(trailers)
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

  /** Whether a response is not what the client gets, because there is or will be another. */
  #passesOver(attempt: Attempt, status: number, headers: IncomingHttpHeaders): boolean {
    const { retry } = this.plan
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
    this.#race?.disarm()
    this.plan.upstream.report('retried', target, {
      reqId: this.request.id,
      attempt: this.attempts,
      reason,
      delayMs: delay,
    })
    if (delay === 0) this.attempt()
    else this.#pause = setTimeout(onPauseOver, delay, this).unref()
  }

  /** Whether another attempt is under way, which then takes the place of one that has failed. */
  #hasStandIn(failed: Attempt): boolean {
    const other = this.#race?.standIn(failed, this.#current!)
    if (other === undefined) return false
    this.#retryState().tried.add(failed.target)
    this.#current = other
    return true
  }

  #retryState(): RetryState {
    return (this.#retry ??= new RetryState(this.request, this.plan, this.body, this.#startedAt))
  }
  #fail(error: Error, failure?: AttemptFailure): void {
    if (this.#over) return
    this.#finish(failure !== 'cancelled' && !this.clientGone)
    this.onFailure(error, this.#answered)
  }

  /** Nothing more comes from the upstream. @param failed  whether it is to blame */
  #finish(failed: boolean): void {
    if (this.#over) return
    this.#over = true
    this.clearDeadline()
    if (this.wait !== null) this.wait.end()
    if (this.#pause !== null) clearTimeout(this.#pause)
    if (this.#race !== null) this.#race.close()
    // how long a streamed body took is up to the client
    if (this.#admitted) this.plan.upstream.concurrency!.release(isStream(this.body) ? 0 : (this.firstByte ?? 0), failed)
  }
}
