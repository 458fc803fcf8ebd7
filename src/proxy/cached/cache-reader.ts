import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Directives } from '../../cache/cache-control.ts'
import type { CacheOutcome } from '../../cache/cache-status.ts'
import { isNotModified } from '../../cache/conditional-request.ts'
import { reuseOf } from '../../cache/freshness.ts'
import type { StoredHead, StoredResponse } from '../../cache/stored-response.ts'
import type { UpstreamAnswer } from '../../cache/storing-rules.ts'
import { isSelected } from '../../cache/vary.ts'
import { gatehouseError } from '../../errors.ts'
import { failReply, guarded } from '../../listener/settle.ts'
import type { FallbackAnswer } from '../../traffic/resilience/fallback-answer.ts'
import { copyStoredHeaders, covers, noteOutcome, sendStored } from './cached-reply.ts'
import { unwatchClient, watchClient } from '../client-departure.ts'
import type { Exchange } from '../exchange.ts'
import type { ForwardPlan } from '../forward-plan.ts'
import type { ResponseSource } from '../relay-stream.ts'
import { ReplyWriter } from '../reply-writer.ts'
import type { SharedFill } from './response-cache.ts'
import { affinityCookie, copyResponseHeaders } from '../response-headers.ts'
import { setStatus } from '../response-status.ts'

/**
 * How a request is answered whose turn with another's was in vain: as if it came now, without waiting for others, or
 * without what is stored, which has turned out to be of no use (also when the store does not let go of it).
 */
export type Again = 'anew' | 'alone' | 'without-stored'

export interface Wanted {
  /** Directives of the request. */
  readonly directives: Directives
  /** Whether it waits for the validation of what is stored. */
  readonly validates: boolean
}

/** A client that waits for a request to the upstream which it may share with others. */
export class CacheReader implements ResponseSource {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly #plan: ForwardPlan
  readonly #writer: ReplyWriter
  readonly #wanted: Wanted
  readonly #again: (again: Again) => void
  #fill: SharedFill | null = null
  #isGone = false
  /** Whether it has its answer, or nobody wants it any more. */
  isDone = false
  isFull = false

  /** @param again  answers the request in another way, because what comes is not for it */
  constructor(exchange: Exchange, wanted: Wanted, again: (again: Again) => void) {
    this.request = exchange.request
    this.reply = exchange.reply
    this.#plan = exchange.plan
    this.#wanted = wanted
    this.#again = again
    this.#writer = new ReplyWriter(exchange, this)
  }

  /** @returns whether the fill takes it */
  attach(fill: SharedFill): boolean {
    this.#fill = fill
    if (!fill.join(this)) return false
    watchClient(this.reply.raw, this)
    return true
  }

  /** Whether a response is one for this request. */
  fits(head: StoredHead): boolean {
    return isSelected(head, this.request.raw.headers)
  }

  /**
   * Whether it can have the answer to the request of another: it must be one that the cache could give it without
   * asking the upstream (RFC 9111, section 4), or the upstream's word on what both have asked about.
   * @param isValidation  whether that request was a validation
   */
  mayShare(head: StoredHead, isValidation: boolean, now: number): boolean {
    const { directives, validates } = this.#wanted
    return this.fits(head) && ((isValidation && validates) || reuseOf(head, directives, now) !== 'validate')
  }

  /**
   * The gateway itself has thrown while it answered this client, which gets 500; the others that share the request to
   * the upstream are none the worse.
   */
  broken(error: unknown): void {
    this.isDone = true
    this.isFull = false
    try {
      this.#fill?.leave(this)
      this.#writer.fail(gatehouseError('GW_INTERNAL', { cause: error }), true, this.#isGone)
    } catch (second) {
      failReply(this.reply, second)
    }
  }

  /** @param shared  what others share of the response; null for the one who has asked for it */
  begin(answer: UpstreamAnswer, shared: StoredHead | null, outcome: CacheOutcome): void {
    try {
      this.#begin(answer, shared, outcome)
    } catch (error) {
      this.broken(error)
    }
  }

  #begin({ status, headers, cameAt }: UpstreamAnswer, shared: StoredHead | null, outcome: CacheOutcome): void {
    const { request, reply } = this
    noteOutcome(request, reply, outcome)
    if (shared === null) {
      copyResponseHeaders(reply, status, headers, this.#plan)
      const { target } = this.#fill!
      const cookie = target === null ? null : affinityCookie(this.#plan.upstream, request, target, status)
      if (cookie !== null) reply.header('set-cookie', cookie)
    } else {
      copyStoredHeaders(reply, shared.headers, null)
      // it is used like what is stored (RFC 9111, section 5.1)
      reply.header('age', Math.floor(shared.initialAge))
    }
    // the upstream was asked without the client's conditions, so that the answer can be stored
    if (
      isNotModified(request.raw.headers, {
        status,
        headers: (shared?.headers ?? headers) as StoredResponse['headers'],
        storedAt: cameAt,
      })
    ) {
      for (const name of ['content-length', 'content-type', 'content-encoding']) reply.removeHeader(name)
      this.isDone = true
      reply.code(304).send()
      return
    }
    setStatus(reply, status)
    this.#writer.begin(status, headers)
  }

  /** @returns whether more is welcome at once */
  write(chunk: Buffer): boolean {
    if (this.isDone) return true
    try {
      this.isFull = !this.#writer.write(chunk)
    } catch (error) {
      this.broken(error)
    }
    return !this.isFull
  }

  end(trailers: IncomingHttpHeaders): void {
    if (this.isDone) return
    this.isDone = true
    try {
      this.#writer.end(trailers)
    } catch (error) {
      this.broken(error)
    }
  }

  /** @returns whether the client gets the fallback */
  fail(error: Error, started: boolean): boolean {
    if (this.isDone) return false
    this.isDone = true
    try {
      return this.#writer.fail(error, started, this.#isGone)
    } catch (second) {
      failReply(this.reply, second)
      return false
    }
  }

  fallBack(answer: FallbackAnswer, reason: string): void {
    this.isDone = true
    try {
      this.#writer.fallBack(answer, reason)
    } catch (error) {
      this.broken(error)
    }
  }

  /** Gets what is stored in place of the upstream's answer. */
  useStored(stored: StoredResponse, outcome: CacheOutcome): void {
    if (this.isDone) return
    this.isDone = true
    try {
      if (!covers(stored, this.request)) return this.askAgain()
      sendStored(this.request, this.reply, stored, outcome, this.#fill!.now())
    } catch (error) {
      this.broken(error)
    }
  }

  askAgain(again: Again = 'anew'): void {
    if (this.#isGone) return
    unwatchClient(this.reply.raw)
    this.isDone = true
    guarded(this.reply, () => this.#again(again))
  }

  /** The client is gone. */
  abort(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#fill!.leave(this)
    this.fail(new Error('the client is gone'), true)
  }

  pause(): void {
    this.isFull = true
  }

  resume(): void {
    if (!this.isFull) return
    this.isFull = false
    this.#fill!.readerReady()
  }

  cancel(): void {
    this.isFull = false
    if (!this.isDone && !this.#isGone) this.abort()
  }

  streams(): void {
    this.#fill!.streams()
  }
}
