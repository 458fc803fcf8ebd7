import type { Waiter } from '../traffic/balancing/wait-queue.ts'
import type { OutgoingRequest } from './outgoing-request.ts'

/** The loop of a request whose targets are full. */
interface WaitingRequest {
  readonly outgoing: OutgoingRequest
  /** Sends it, if a target has room. */
  trySend(): boolean
  /** Ends it, because it may wait no longer. */
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

  /** Milliseconds that the request has waited, before earlier attempts too. */
  get ms(): number {
    return this.#since === null ? this.#waited : this.#waited + performance.now() - this.#since
  }

  /** Joins the end of the queue, if there is one with room. */
  begin(): boolean {
    const { plan, request } = this.#owner.outgoing
    const { upstream } = plan
    if (upstream.queue?.join(this)) {
      this.#since = performance.now()
      return true
    }
    upstream.report(upstream.queue === null ? 'overloaded' : 'queue_full', null, { reqId: request.id })
    return false
  }

  end(): void {
    if (this.#since === null) return
    this.#owner.outgoing.plan.upstream.queue!.leave(this)
    this.#waited = this.ms
    this.#since = null
  }

  /** Called by the request that makes room, which an error of this one must not reach. */
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
      const { plan, request } = this.#owner.outgoing
      plan.upstream.report('queue_timeout', null, { reqId: request.id })
      this.#owner.refuse()
    } catch (error) {
      this.#owner.broken(error)
    }
  }
}
