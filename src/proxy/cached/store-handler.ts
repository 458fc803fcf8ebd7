import type { IncomingHttpHeaders } from 'node:http'
import { wholeLength } from '../../cache/byte-range.ts'
import type { ControlOfResponse } from '../../cache/cache-control.ts'
import type { CacheKey } from '../../cache/cache-key.ts'
import type { CacheOutcome } from '../../cache/cache-status.ts'
import { confirms } from '../../cache/conditional-request.ts'
import { freshFor, isReusable, isUpstreamError, isUsableOnError } from '../../cache/freshness.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import {
  type Audience,
  audienceOf,
  freshened,
  isWorthStoring,
  storedHead,
  type UpstreamAnswer,
  withBody,
} from '../../cache/storing-rules.ts'
import { varyNames } from '../../cache/vary.ts'
import { HeldBytes } from '../../limits/byte-budget.ts'
import type { AnswerHandler, SendController } from '../../upstream/outgoing-request.ts'
import { publicHeaders } from '../response-headers.ts'
import type { CollapsedFetch, FetchTask, SharedAnswer } from './collapsed-fetch.ts'

/**
 * Stores the answer of the upstream on its way to the clients: a handler that wraps the collapsed fetch. With a stored
 * response to validate, it also decides whether the clients get that response instead.
 */
export class StoreHandler implements AnswerHandler {
  readonly #fetch: CollapsedFetch
  readonly #task: FetchTask
  readonly #sentAt: number
  readonly #held: HeldBytes
  #controller: SendController | null = null
  #answer: UpstreamAnswer | null = null
  #key: CacheKey
  /** What will be stored; null when nothing will be. */
  #storing: SharedAnswer | null = null
  #length = 0

  constructor(fetch: CollapsedFetch) {
    const { cache, keys } = fetch.task.cached
    this.#fetch = fetch
    this.#task = fetch.task
    this.#sentAt = cache.now()
    this.#key = keys.shared
    this.#held = new HeldBytes(cache.inFlight)
  }

  onRequestStart(controller: SendController): void {
    this.#controller = controller
    this.#fetch.start(controller)
  }

  onResponseStart(_controller: SendController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return this.#fetch.inform(status, headers)
    const { cached, exchange, stored } = this.#task
    const { cache, policy, directives } = cached
    const { plan, request } = exchange
    const cameAt = cache.now()
    const answer: UpstreamAnswer = {
      status,
      headers,
      publicHeaders: publicHeaders(headers, plan, request, cameAt),
      control: policy.controlOf(status, headers),
      sentAt: this.#sentAt,
      cameAt,
    }
    this.#answer = answer
    if (stored !== null) {
      if (status === 304) return this.#validated(stored, answer)
      if (isUpstreamError(status) && isUsableOnError(stored, directives, cameAt)) {
        this.#controller!.dismiss(headers)
        return this.#fetch.useStored(stored, this.#outcome(stored))
      }
    }
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.#controller!.dismiss(headers)
      return this.#fetch.fallBack(status)
    }
    if (request.method === 'HEAD' && stored !== null && status === 200) this.#learnFromHead(stored, answer)
    this.#storing = this.#storable(answer)
    this.#fetch.begin(answer, this.#storing)
  }

  onResponseData(controller: SendController, chunk: Buffer): void {
    const isReady = this.#fetch.write(chunk)
    // what is stored is read at full speed: a slow client must not delay the others
    if (!this.#keep(chunk) && !isReady) controller.pause()
  }

  onResponseEnd(_controller: SendController, trailers: IncomingHttpHeaders): void {
    const saved = this.#storing === null ? undefined : this.#store(this.#storing)
    if (this.#length > 0) this.#held.releaseAfter(this.#fetch.replies(), saved)
    this.#fetch.end(trailers)
  }

  onResponseError(_controller: SendController, error: Error): void {
    const { cached, stored } = this.#task
    const now = cached.cache.now()
    if (this.#length > 0) this.#held.releaseAfter(this.#fetch.replies())
    if (this.#answer === null && stored !== null && isUsableOnError(stored, cached.directives, now)) {
      this.#fetch.useStored(stored, { forwarded: 'stale', ttl: freshFor(stored, now) })
    } else this.#fetch.fail(error)
  }

  broken(error: unknown): void {
    const { request } = this.#task.exchange
    request.log.error(
      { reqId: request.id, code: 'GW_INTERNAL', err: error },
      'the gateway failed in an exchange with an upstream',
    )
    this.#fetch.broken(error)
    this.#held.release()
  }

  /** What is stored of an answer, with its key; null when it is not stored. */
  #storable(answer: UpstreamAnswer): SharedAnswer | null {
    const { cached, exchange } = this.#task
    const { policy, keys } = cached
    const { status, headers, control } = answer
    if (exchange.request.method === 'HEAD') return null
    const audience = this.#audience(status, headers, control, policy.ttlOf(status, headers, control) !== undefined)
    if (audience === 'none' || wholeLength(headers) > policy.maxObjectSize) return null
    const head = storedHead(answer, policy, exchange.request.raw.headers, cached)
    this.#key = audience === 'all' ? keys.shared : keys.own
    return isWorthStoring(head) ? { head, chunks: [] } : null
  }

  /** @returns whether the chunk is kept to be stored */
  #keep(chunk: Buffer): boolean {
    if (this.#storing === null) return false
    this.#length += chunk.length
    const isTooLarge = this.#length > this.#task.cached.policy.maxObjectSize
    if (!isTooLarge && this.#held.take(chunk.length)) {
      this.#storing.chunks.push(chunk)
      return true
    }
    this.#storing = null
    // the next answer is probably as large, but the budget may have room then
    this.#fetch.stopSharing(isTooLarge)
    return false
  }

  #store({ head, chunks }: SharedAnswer): Promise<unknown> | undefined {
    const { cached, exchange, since } = this.#task
    const { responseCheck, enforceResponse } = exchange.plan
    const { headers } = this.#answer!
    const body = joined(chunks, this.#length)
    if (enforceResponse && responseCheck?.(head.status, headers['content-type'], body, headers)) return undefined
    const response = withBody(head, body, headers)
    if (response === null) return undefined
    if (isReusable(head, cached.cache.now())) this.#fetch.clearHitForMiss()
    return cached.cache.save(this.#key, response, since).catch((error) => cached.cache.failed(error, 'put'))
  }

  /** The upstream has answered 304. */
  #validated(stored: StoredResponse, answer: UpstreamAnswer): void {
    this.#controller!.dismiss(answer.headers)
    const work = confirms(answer.headers, stored) ? this.#useFreshened(stored, answer) : this.#dropStored(stored)
    work.catch((error) => this.broken(error))
  }

  /** The new headers may change who may have the response. The request that started the fetch gets it in any case. */
  async #useFreshened(stored: StoredResponse, answer: UpstreamAnswer): Promise<void> {
    const response = freshened(stored, answer, this.#task.cached.policy)
    const audience = this.#audienceOfStored(response)
    const isStored = audience !== 'none'
    this.#fetch.useStored(response, this.#outcome(response, isStored || undefined), isStored)
    await this.#replace(stored, response, audience)
    if (!isStored) this.#fetch.retry('look-up')
  }

  /** The 304 is about another response: the stored one is of no use. */
  async #dropStored(stored: StoredResponse): Promise<void> {
    await this.#replace(stored, stored, 'none')
    this.#fetch.retry('ignore-stored')
  }

  /** The head of a 200 shows whether the stored response still holds (RFC 9111, section 4.3.5). */
  #learnFromHead(stored: StoredResponse, answer: UpstreamAnswer): void {
    const length = answer.headers['content-length']
    const holds =
      confirms(answer.headers, stored) &&
      (length === undefined || stored.part !== null || Number(length) === stored.body.byteLength)
    const { policy } = this.#task.cached
    const response = holds ? freshened(stored, answer, policy) : { ...stored, lifetime: 0, mustValidate: true }
    this.#replace(stored, response, this.#audienceOfStored(response)).catch((error) => this.broken(error))
  }

  /** Stores an updated response under the key of its audience, and removes it from the keys of any other. */
  async #replace(stored: StoredResponse, response: StoredResponse, audience: Audience): Promise<void> {
    const { cached, since } = this.#task
    const { cache, keys } = cached
    const others = [...(audience === 'all' ? [] : [keys.shared]), ...(audience === 'none' ? [keys.own] : [])]
    await Promise.all(others.map((key) => cache.remove(key, stored)))
    if (audience !== 'none') await cache.save(audience === 'all' ? keys.shared : keys.own, response, since)
  }

  #outcome(response: StoredResponse, isStored?: true): CacheOutcome {
    const { status, cameAt } = this.#answer!
    const ttl = freshFor(response, cameAt)
    return { forwarded: 'stale', upstreamStatus: status, ttl, stored: isStored, collapsed: false }
  }

  /** Who may have a response whose headers a 304, or the head of a 200, has updated. */
  #audienceOfStored({ status, headers, askedWith }: StoredResponse): Audience {
    const fields = headers as IncomingHttpHeaders
    return this.#audience(status, fields, this.#task.cached.policy.controlOf(status, fields), true, askedWith)
  }

  /** @param askedWith  what the request of the stored response carried */
  #audience(
    status: number,
    headers: IncomingHttpHeaders,
    control: ControlOfResponse,
    hasTtl: boolean,
    askedWith?: StoredResponse['askedWith'],
  ): Audience {
    const { cached, exchange } = this.#task
    const { directives, hasOwner } = cached
    const isAuthenticated = cached.isAuthenticated || askedWith?.credentials === true
    const hasCookies = cached.hasCookies || askedWith?.cookies === true
    const asked = { directives, isAuthenticated, hasCookies, hasOwner }
    const { sharesCookies } = cached.policy
    const audience = audienceOf(asked, status, headers, control, { hasTtl, sharesCookies })
    if (headers.vary === undefined || audience === 'none') return audience
    const names = varyNames(headers.vary)
    if (names.some((name) => GATEWAY_FIELDS.has(name))) return 'none'
    // fields about the consumer: the key has them only as the owner
    const { identity } = exchange.plan
    const upstreamHeaders = exchange.request.consumer?.upstreamHeaders ?? []
    const identityFields = [...(identity?.names ?? []), ...upstreamHeaders.filter((_, i) => i % 2 === 0)]
    if (!identityFields.some((name) => names.includes(name))) return audience
    return hasOwner ? 'same' : 'none'
  }
}

/**
 * Fields that the gateway sets for each client. No header of the request shows their value, so a response that varies by
 * them cannot be selected.
 */
const GATEWAY_FIELDS = new Set(['forwarded', 'x-forwarded-for', 'x-real-ip', 'via', 'x-request-id'])

/** A body in memory of its own: a chunk is a view that would keep a whole read buffer alive. */
function joined(chunks: readonly Buffer[], length: number): Buffer {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  return body
}
