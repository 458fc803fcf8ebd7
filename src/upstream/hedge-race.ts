import type { HedgePolicy } from '../traffic/resilience/hedge-policy.ts'
import { Attempt, type AttemptOwner } from './attempt.ts'
import type { RetryState } from './retry-state.ts'
import type { Target } from './target.ts'

/** The loop of a request that may be sent to several targets at once. */
interface HedgedRequest extends AttemptOwner {
  attempts: number
  /** The target of the slow attempt. */
  readonly target: Target | null
}

/** Sends copies of a request while an earlier attempt is slow. The first usable answer wins. */
export class HedgeRace {
  readonly #policy: HedgePolicy
  readonly #owner: HedgedRequest
  readonly #retry: RetryState
  readonly #copies: Attempt[] = []
  #timer: NodeJS.Timeout | null = null
  #decided = false

  constructor(policy: HedgePolicy, owner: HedgedRequest, retry: RetryState) {
    this.#policy = policy
    this.#owner = owner
    this.#retry = retry
  }

  /** Starts the timer for the next copy, if there may be one. */
  arm(): void {
    const { delay, max } = this.#policy
    if (this.#decided || this.#timer !== null || delay === undefined || this.#copies.length >= max) return
    this.#timer = setTimeout(onSlow, delay, this).unref()
  }

  disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Sends a copy to a target that does not have the request, if there is one and the budget allows it. */
  sendCopy(): void {
    this.#timer = null
    const { outgoing, target: slow } = this.#owner
    const { request, plan, headers } = outgoing
    const { upstream } = plan
    const asked = new Set([...this.#retry.tried, slow!, ...this.#copies.map((copy) => copy.target)])
    const target = upstream.select(request, asked)
    if (target === null || !this.#retry.takeBudget(performance.now(), target)) return
    upstream.report('hedged', target, { reqId: request.id })
    const copy = new Attempt(this.#owner, target)
    this.#copies.push(copy)
    this.#owner.attempts++
    copy.send([...headers])
    this.arm()
  }

  /** Another attempt that is still in flight and may bring the answer instead of the failed one. */
  standIn(failed: Attempt, current: Attempt): Attempt | undefined {
    return [current, ...this.#copies].find((attempt) => attempt !== failed && attempt.isInFlight)
  }

  /** An answer is chosen: the other attempts are broken off. */
  settle(winner: Attempt, current: Attempt): void {
    // a slower attempt takes at least this long
    this.#policy.note(performance.now() - current.sentAt)
    if (current !== winner && current.isInFlight) current.stop('cancelled')
    this.close(winner)
  }

  broken(error: unknown): void {
    this.#owner.broken(error)
  }

  /** Breaks off all copies. @param kept  the one that goes on */
  close(kept?: Attempt): void {
    this.#decided = true
    this.disarm()
    for (const copy of this.#copies) if (copy !== kept && copy.isInFlight) copy.stop('cancelled')
  }
}

function onSlow(race: HedgeRace): void {
  try {
    race.sendCopy()
  } catch (error) {
    race.broken(error)
  }
}
