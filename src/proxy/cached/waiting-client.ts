import type { IncomingHttpHeaders } from 'node:http'
import type { CacheOutcome } from '../../cache/cache-status.ts'
import { isNotModified } from '../../cache/conditional-request.ts'
import { reuseOf } from '../../cache/freshness.ts'
import type { StoredHead, StoredResponse } from '../../cache/stored-response.ts'
import type { UpstreamAnswer } from '../../cache/storing-rules.ts'
import { isSelected } from '../../cache/vary.ts'
import { gatehouseError } from '../../errors.ts'
import { failReply, guarded } from '../../listener/settle.ts'
import type { FallbackAnswer } from '../../traffic/resilience/fallback-answer.ts'
import { type Exchange, unwatchClient, watchClient } from '../exchange.ts'
import { ReplyWriter, type ResponseSource } from '../reply-writer.ts'
import { affinityCookie, copyResponseHeaders, setStatus } from '../response-headers.ts'
import type { CachedRequest } from './cached-request.ts'
import { copyStoredHeaders, covers, noteOutcome, sendStored } from './stored-reply.ts'

/**
 * What a request does after a collapsed fetch that cannot serve it: look up again (`look-up`), ask the upstream in a
 * fetch of its own (`alone`), or ignore a stored response that turned out to be of no use (`ignore-stored`).
 */
export type Retry = 'look-up' | 'alone' | 'ignore-stored'

/** The fetch as its clients see it: a controller, like the one that undici gives to a handler. */
export interface FetchController {
  readonly exchange: Exchange
  /** The client takes data again. */
  resume(): void
  /** The client is gone. */
  leave(client: WaitingClient): void
  /** The client's answer begins: the time for the exchange no longer runs. */
  clearDeadline(): void
}

/** A client that waits for a fetch. May throw; the fetch then calls `broken`, and the other clients are not affected. */
export class WaitingClient implements ResponseSource {
  readonly #cached: CachedRequest
  readonly #isValidation: boolean
  readonly #retry: (retry: Retry) => void
  readonly #writer: ReplyWriter
  #fetch: FetchController | null = null
  #isGone = false
  /** Whether it has its whole answer, or is gone. */
  isDone = false
  /** Whether it takes no data at the moment. */
  isFull = false

  /** @param isValidation  whether the request waits for a stored response to be validated */
  constructor(cached: CachedRequest, isValidation: boolean, retry: (retry: Retry) => void) {
    this.#cached = cached
    this.#isValidation = isValidation
    this.#retry = retry
    this.#writer = new ReplyWriter(cached.exchange, this)
  }

  get exchange(): Exchange {
    return this.#cached.exchange
  }

  attach(fetch: FetchController): void {
    const { request, reply } = this.exchange
    this.#fetch = fetch
    request.exchange = fetch.exchange
    watchClient(reply.raw, this)
  }

  /** Whether the request selects a response by `Vary`. */
  selects(head: StoredHead): boolean {
    return isSelected(head, this.exchange.request.raw.headers)
  }

  /**
   * Whether the answer to another request can serve this one: the cache could use it without asking the upstream (RFC
   * 9111, section 4), or both requests wait for the same validation.
   * @param isValidation  whether the fetch validates a stored response
   */
  mayShare(head: StoredHead, isValidation: boolean): boolean {
    const { directives, cache } = this.#cached
    if (!this.selects(head)) return false
    return (isValidation && this.#isValidation) || reuseOf(head, directives, cache.now()) !== 'validate'
  }

  /** @param shared  the head as it is stored; null for the client whose request the upstream has answered */
  begin({ status, headers, cameAt }: UpstreamAnswer, shared: StoredHead | null, outcome: CacheOutcome): void {
    const { request, reply, plan } = this.exchange
    noteOutcome(request, reply, outcome)
    if (shared === null) {
      copyResponseHeaders(reply, status, headers, plan)
      const { target } = this.#fetch!.exchange
      const cookie = target === null ? null : affinityCookie(plan.upstream, request, target, status)
      if (cookie !== null) reply.header('set-cookie', cookie)
    } else {
      copyStoredHeaders(reply, shared.headers)
      // it is used like a stored response (RFC 9111, section 5.1)
      reply.header('age', Math.floor(shared.initialAge))
    }
    // the client's conditions were not sent to the upstream, so that its answer can be stored
    const known = { status, headers: (shared?.headers ?? headers) as StoredResponse['headers'], storedAt: cameAt }
    if (isNotModified(request.raw.headers, known)) {
      for (const name of ['content-length', 'content-type', 'content-encoding']) reply.removeHeader(name)
      this.isDone = true
      reply.code(304).send()
      return
    }
    setStatus(reply, status)
    this.#writer.begin(status, headers)
  }

  write(chunk: Buffer): void {
    this.isFull = !this.#writer.write(chunk)
  }

  end(trailers: IncomingHttpHeaders): void {
    this.isDone = true
    this.#writer.end(trailers)
  }

  /** @returns whether the client gets the fallback */
  fail(error: Error, started: boolean): boolean {
    this.isDone = true
    try {
      return this.#writer.fail(error, started, this.#isGone)
    } catch (second) {
      failReply(this.exchange.reply, second)
      return false
    }
  }

  fallBack(answer: FallbackAnswer, reason: string): void {
    this.isDone = true
    this.#writer.fallBack(answer, reason)
  }

  /** Sends a stored response in place of the upstream's answer. */
  useStored(stored: StoredResponse, outcome: CacheOutcome): void {
    const { request, reply } = this.exchange
    this.isDone = true
    if (covers(stored, request)) sendStored(request, reply, stored, outcome, this.#cached.cache.now())
    else this.retry('look-up')
  }

  retry(retry: Retry): void {
    if (this.#isGone) return
    const { reply } = this.exchange
    unwatchClient(reply.raw)
    this.isDone = true
    guarded(reply, () => this.#retry(retry))
  }

  /** The gateway itself has thrown while it answered this client, which gets 500. Never throws. */
  broken(error: unknown): void {
    this.isDone = true
    this.isFull = false
    try {
      this.#fetch?.leave(this)
      this.#writer.fail(gatehouseError('GW_INTERNAL', { cause: error }), true, this.#isGone)
    } catch (second) {
      failReply(this.exchange.reply, second)
    }
  }

  /** The client is gone. */
  abort(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#fetch!.leave(this)
    if (!this.isDone) this.fail(new Error('the client is gone'), true)
  }

  pause(): void {
    this.isFull = true
  }

  resume(): void {
    if (!this.isFull) return
    this.isFull = false
    this.#fetch!.resume()
  }

  cancel(): void {
    this.isFull = false
    if (!this.isDone) this.abort()
  }

  streams(): void {
    this.#fetch!.clearDeadline()
  }
}
