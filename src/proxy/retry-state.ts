import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Target } from '../upstream/target.ts'
import type { AttemptFailure } from '../upstream/target-monitor.ts'
import { isStream } from './attempt.ts'
import type { ForwardPlan } from './forward-plan.ts'

/** What is left to try for a request; made when its first attempt has failed. */
export class RetryState {
  /** Targets that the request has failed on since all of them have been tried. */
  readonly tried = new Set<Target>()
  readonly #request: FastifyRequest
  readonly #plan: ForwardPlan
  readonly #body: Buffer | Readable | null
  readonly #startedAt: number
  /** Further attempts that count. */
  #retries = 0
  /** Further attempts that do not, because the target before could not be reached. */
  #passes = 0
  #last: Target | null = null

  /** @param startedAt  when the request was sent first, by the monotonic clock in milliseconds */
  constructor(request: FastifyRequest, plan: ForwardPlan, body: Buffer | Readable | null, startedAt: number) {
    this.#request = request
    this.#plan = plan
    this.#body = body
    this.#startedAt = startedAt
  }

  /**
   * A target that has not been tried or, when all have been, another than the last or else that; null when there is
   * none.
   */
  select(): Target | null {
    const { upstream } = this.#plan
    const untried = upstream.select(this.#request, this.tried)
    if (untried !== null) return untried
    this.tried.clear()
    if (this.#last !== null) this.tried.add(this.#last)
    return upstream.select(this.#request, this.tried) ?? upstream.select(this.#request, null)
  }

  /**
   * Decides whether there is another attempt and, if so, takes it out of the budget.
   * @param target      on which the last one has failed
   * @param failure     how; null for a response whose status is tried again
   * @param retryAfter  that field of the response
   * @returns milliseconds to wait before it; undefined for none
   */
  next(target: Target, failure: AttemptFailure | null, retryAfter: string | undefined): number | undefined {
    const { retry, upstream, timeouts } = this.#plan
    this.tried.add(target)
    this.#last = target
    if (retry === null || (failure !== null && !retry.on.hasFailure(failure))) return undefined
    const unsent = failure === 'unreachable'
    if (!this.#isRepeatable(unsent)) return undefined
    const elsewhere = upstream.hasAvailable(this.#request, this.tried)
    if (!elsewhere && !upstream.hasAvailable(this.#request, null)) return undefined
    // a target that could not be reached has had no work with the request, so that asking another adds no load
    const passesOn = unsent && elsewhere
    const isFree = passesOn && retry.failsOver && this.#passes++ < upstream.targets.length
    if (!isFree && (this.#retries >= retry.attempts || (unsent && retry.failsOver))) return undefined
    // how long one target wants to be left alone is nothing to another
    const delay = retry.delay(this.#retries, elsewhere ? undefined : retryAfter)
    const now = performance.now()
    if (delay === undefined || (timeouts.total > 0 && now - this.#startedAt + delay >= timeouts.total)) return undefined
    if (!passesOn && !this.takeBudget(now, target)) return undefined
    if (!isFree) this.#retries++
    return delay
  }

  /** @param now  milliseconds of the monotonic clock */
  takeBudget(now: number, target: Target): boolean {
    const { upstream } = this.#plan
    if (upstream.retryBudget.take(now)) return true
    upstream.report('retry_budget_exhausted', target, { reqId: this.#request.id })
    return false
  }

  /**
   * A request that never left can be sent again with any method, a streamed body as long as nothing of it has been
   * read.
   */
  #isRepeatable(unsent: boolean): boolean {
    const body = this.#body
    if (isStream(body)) return unsent && !body.readableDidRead
    return unsent || this.#plan.retry!.methods.has(this.#request.method)
  }
}
