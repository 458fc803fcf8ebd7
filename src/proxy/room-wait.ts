import type { FastifyRequest } from 'fastify'
import type { Waiter } from '../traffic/balancing/wait-queue.ts'
import type { ForwardPlan } from './forward-plan.ts'

/** A request that finds its targets full. */
interface WaitingRequest {
  readonly request: FastifyRequest
  readonly plan: ForwardPlan
  /** Sends it, if a target has room. */
  trySend(): boolean
  /** Answers it, because it may wait no longer. */
  refuse(): void
  /** The gateway itself has thrown. */
  broken(error: unknown): void
}

/** The wait of a request until a target has room. */
export class RoomWait implements Waiter {
  readonly #owner: WaitingRequest
  #waited = 0
  #since: number | null = null

  constructor(owner: WaitingRequest) {
    this.#owner = owner
  }

  /** Milliseconds, with those of earlier attempts. */
  get ms(): number {
    return this.#since === null ? this.#waited : this.#waited + performance.now() - this.#since
  }

  /** Goes to the end of the line, if there is one with room for it. */
  begin(): boolean {
    const {
      plan: { upstream },
      request,
    } = this.#owner
    if (upstream.queue?.join(this)) {
      this.#since = performance.now()
      return true
    }
    upstream.report(upstream.queue === null ? 'overloaded' : 'queue_full', null, { reqId: request.id })
    return false
  }

  end(): void {
    if (this.#since === null) return
    this.#owner.plan.upstream.queue!.leave(this)
    this.#waited = this.ms
    this.#since = null
  }

  /** Called by whichever request makes room, which an error of this one must not reach. */
  resume(): boolean {
    try {
      return this.#owner.trySend()
    } catch (error) {
      this.end()
      this.#owner.broken(error)
      return true
    }
  }

  waitOver(): void {
    try {
      const {
        plan: { upstream },
        request,
      } = this.#owner
      upstream.report('queue_timeout', null, { reqId: request.id })
      this.#owner.refuse()
    } catch (error) {
      this.#owner.broken(error)
    }
  }
}
