import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { BalancedRequest } from '../traffic/balancing/balancer.ts'
import type { WaitQueue } from '../traffic/balancing/wait-queue.ts'
import type { ConcurrencyLimit } from '../traffic/resilience/concurrency-limit.ts'
import type { HedgePolicy } from '../traffic/resilience/hedge-policy.ts'
import type { RetryBudget, RetryPolicy } from '../traffic/resilience/retry-policy.ts'
import type { SplitRequest } from '../traffic/splitting/canary-split.ts'
import type { HostSettings } from './target-headers.ts'
import type { Target, TimeoutSettings } from './target.ts'

/** A request on its way to an upstream. */
export interface OutgoingRequest {
  readonly request: ClientRequest
  readonly plan: SendPlan
  /** Path and query for the upstream, without the base path of a target. */
  readonly path: string
  /** Name, value, ...; the first is `host`, whose value is set for each target. */
  readonly headers: string[]
  readonly body: Body
  /** Protocol to upgrade to. */
  readonly upgrade: string | undefined
  /** Whether it may be sent twice; undefined: the retry policy decides by the method. */
  readonly idempotent?: boolean
  /** What sends it, for logs; null before that. */
  sending: SendController | null
}

/** A buffer can be sent again, a stream cannot. */
export type Body = Buffer | Readable | null

/** Whether a body is sent on while it arrives. */
export const isStream = (body: Body): body is Readable => body !== null && !Buffer.isBuffer(body)

/** What selection, retries and reports look at. A Fastify request is one. */
export type ClientRequest = BalancedRequest &
  SplitRequest & {
    readonly method: string
    /** `complete`: whether the body has arrived as a whole. */
    readonly raw: { readonly url?: string; readonly complete: boolean }
  }

/** How a request is sent. A `ForwardPlan` is one. */
export interface SendPlan extends HostSettings {
  readonly upstream: TargetGroup
  readonly timeouts: TimeoutSettings
  /** When a request is sent again; null for never. */
  readonly retry: RetryPolicy | null
  /** When a slow request is sent to a second target; null for never. */
  readonly hedge: HedgePolicy | null
}

/** What the traffic engine has decided, in one word: `ejected`, `opened`, `retried`, `fell_back`, `queue_full`, ... */
export type DecisionName = string

/** What the attempts of a request need of an upstream. */
export interface TargetGroup {
  readonly name: string
  readonly targets: readonly Target[]
  readonly retryBudget: RetryBudget
  readonly concurrency: ConcurrencyLimit | null
  readonly queue: WaitQueue | null
  select(request: ClientRequest, tried: ReadonlySet<Target> | null): Target | null
  isFull(request: ClientRequest): boolean
  hasAvailable(request: ClientRequest, tried: ReadonlySet<Target> | null): boolean
  availableIn(): number
  report(decision: DecisionName, target: Target | null, details?: object): void
}

/** Controls a request that is being sent, and knows how that goes. */
export interface SendController extends Dispatcher.DispatchController {
  /** The target of the current attempt. */
  readonly target: Target | null
  /** How often the request has been sent. */
  readonly attempts: number
  /** Status of the upstream's answer; 0 before that. */
  readonly status: number
  /** Milliseconds from the last sending to the first byte of the answer; undefined before that. */
  readonly firstByte: number | undefined
  /** The wait for a target with room; null when there was none. */
  readonly wait: { readonly ms: number } | null
  /** Ends the request without an answer; the upstream is not blamed. The handler gets the reason as the error. */
  abort(reason?: Error): void
  /** The client gets its answer from now on: the exchange may take as long as the client does. */
  clearDeadline(): void
  /** Skips the content of the response whose head has come. The handler hears no more of it. */
  dismiss(headers: IncomingHttpHeaders): void
}

/**
 * Receives the one answer that counts, by the calls of undici's dispatch handlers: `onRequestStart` once, then
 * `onResponseStart` (also for each informational response), `onResponseData` and `onResponseEnd`, or
 * `onRequestUpgrade`. `onResponseError` may come at any point after the first. Nothing follows `onResponseEnd` and
 * `onResponseError`.
 *
 * Handlers are composed: one that stores or measures wraps another and passes the calls on.
 */
export interface AnswerHandler {
  onRequestStart(controller: SendController): void
  onResponseStart(controller: SendController, status: number, headers: IncomingHttpHeaders, statusText?: string): void
  onResponseData(controller: SendController, chunk: Buffer): void
  onResponseEnd(controller: SendController, trailers: IncomingHttpHeaders): void
  /** @param error  as the client gets it when it has a `GW_` code; else see `failureAnswer` */
  onResponseError(controller: SendController, error: Error): void
  /** Absent in handlers that never ask for an upgrade. */
  onRequestUpgrade?: Dispatcher.DispatchHandler['onRequestUpgrade']
  /**
   * This handler, or the gateway, has thrown. The request is over, and its client gets an error. Must not throw, and may
   * be called after any other call.
   */
  broken(error: unknown): void
}
