import { isStream, type OutgoingRequest } from './outgoing-request.ts'
import type { AttemptFailure } from './target-monitor.ts'
import type { Target } from './target.ts'

/** Decides whether a request is sent again, and to which target. Made when its first attempt has failed. */
export class RetryState {
  /** Targets that the request has failed on since all of them have been tried. */
  readonly tried = new Set<Target>()
  readonly #outgoing: OutgoingRequest
  readonly #startedAt: number
  /** Further attempts that count. */
  #retries = 0
  /** Further attempts that do not count, because the target before could not be reached. */
  #passes = 0
  #last: Target | null = null

  /** @param startedAt  when the request was sent first, by the monotonic clock in milliseconds */
  constructor(outgoing: OutgoingRequest, startedAt: number) {
    this.#outgoing = outgoing
    this.#startedAt = startedAt
  }

  /**
   * A target that has not been tried. When all have been: any but the last, else the last; null when there is none.
   */
  select(): Target | null {
    const { request, plan } = this.#outgoing
    const { upstream } = plan
    const untried = upstream.select(request, this.tried)
    if (untried !== null) return untried
    this.tried.clear()
    if (this.#last !== null) this.tried.add(this.#last)
    return upstream.select(request, this.tried) ?? upstream.select(request, null)
  }

  /**
   * Decides whether there is another attempt and, if so, takes it out of the budget.
   * @param target      of the attempt that has failed
   * @param failure     null for a response whose status is tried again
   * @param retryAfter  `Retry-After` of that response
   * @returns milliseconds to wait before the next attempt; undefined for no further attempt
   */
  next(target: Target, failure: AttemptFailure | null, retryAfter: string | undefined): number | undefined {
    const { request, plan } = this.#outgoing
    const { retry, upstream, timeouts } = plan
    this.tried.add(target)
    this.#last = target
    if (retry === null || (failure !== null && !retry.on.hasFailure(failure))) return undefined
    const unsent = failure === 'unreachable'
    if (!this.#isRepeatable(unsent)) return undefined
    const elsewhere = upstream.hasAvailable(request, this.tried)
    if (!elsewhere && !upstream.hasAvailable(request, null)) return undefined
    // an unreachable target has done no work for the request, so asking another adds no load
    const passesOn = unsent && elsewhere
    const isFree = passesOn && retry.failsOver && this.#passes++ < upstream.targets.length
    if (!isFree && (this.#retries >= retry.attempts || (unsent && retry.failsOver))) return undefined
    // Retry-After of one target says nothing about another
    const delay = retry.delay(this.#retries, elsewhere ? undefined : retryAfter)
    const now = performance.now()
    if (delay === undefined || (timeouts.total > 0 && now - this.#startedAt + delay >= timeouts.total)) return undefined
    if (!passesOn && !this.takeBudget(now, target)) return undefined
    if (!isFree) this.#retries++
    return delay
  }

  /** @param now  milliseconds of the monotonic clock */
  takeBudget(now: number, target: Target): boolean {
    const { request, plan } = this.#outgoing
    if (plan.upstream.retryBudget.take(now)) return true
    plan.upstream.report('retry_budget_exhausted', target, { reqId: request.id })
    return false
  }

  /** A request that was never sent can be repeated with any method; a streamed body only while none of it was read. */
  #isRepeatable(unsent: boolean): boolean {
    const { body, request, plan, idempotent } = this.#outgoing
    if (isStream(body)) return unsent && !body.readableDidRead
    return unsent || (idempotent ?? plan.retry!.methods.has(request.method))
  }
}
