import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Directives } from '../../cache/cache-control.ts'
import { type CacheKey, cacheKeys, sentCookies } from '../../cache/cache-key.ts'
import type { CachePolicy } from '../../cache/cache-policy.ts'
import type { ForwardReason } from '../../cache/cache-status.ts'
import { hasUnsafeCondition, validationFields } from '../../cache/conditional-request.ts'
import { freshFor, reuseOf } from '../../cache/freshness.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { isSelected, selectingValue } from '../../cache/vary.ts'
import { gatehouseError } from '../../errors.ts'
import { guarded, settle } from '../../listener/settle.ts'
import { isStream } from '../../upstream/outgoing-request.ts'
import { CacheFill } from './cache-fill.ts'
import { isAuthenticated, ownerOf } from '../cache-owner.ts'
import { type Again, CacheReader } from './cache-reader.ts'
import { covers, noteOutcome, sendStored } from './cached-reply.ts'
import { nameByVary } from './fill-registration.ts'
import type { FillTask } from './fill-task.ts'
import type { Exchange } from '../exchange.ts'
import type { ForwardPlan } from '../forward-plan.ts'
import { hidesFields, requestHeaders } from '../request-headers.ts'

/** Asks the upstream without the cache. */
type Relay = (exchange: Exchange) => void

/**
 * Answers a request from the cache as far as that is allowed, and else has the upstream asked in a way that fills the
 * cache.
 */
export function exchangeCached(exchange: Exchange, relay: Relay): void {
  const { request, reply, plan, body } = exchange
  const { policy } = plan.cache!
  const reason = bypassReason(request, plan, policy, isStream(body) ? null : body)
  if (reason !== null || policy === null) {
    if (policy !== null) noteOutcome(request, reply, { forwarded: reason! })
    return relay(exchange)
  }
  new CachedExchange(exchange, policy, relay).start()
}

/** Why a request has nothing to do with the cache; null when it has. */
function bypassReason(
  { method, raw: { headers } }: FastifyRequest,
  plan: ForwardPlan,
  policy: CachePolicy | null,
  body: Buffer | null,
): ForwardReason | null {
  if (policy === null || !policy.methods.has(method)) return 'method'
  // content of a GET may change the answer, and is no part of the key
  if (
    method === 'QUERY' ? body === null : headers['content-length'] !== undefined && headers['content-length'] !== '0'
  ) {
    return 'bypass'
  }
  if (headers['transfer-encoding'] !== undefined) return 'bypass'
  // what tells responses apart must be what the upstream sees
  if (hidesFields(headers, plan)) return 'bypass'
  return hasUnsafeCondition(headers) ? 'request' : null
}

/** One request on its way through the cache. */
class CachedExchange {
  readonly #exchange: Exchange
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #plan: ForwardPlan
  readonly #policy: CachePolicy
  readonly #relay: Relay
  readonly #again: Again
  readonly #directives: Directives
  readonly #hasCookies: boolean
  readonly #isAuthenticated: boolean
  readonly #sharedKey: CacheKey
  readonly #ownKey: CacheKey

  constructor(exchange: Exchange, policy: CachePolicy, relay: Relay, again: Again = 'anew') {
    const { request, reply, plan, body } = exchange
    const { headers } = request.raw
    this.#exchange = exchange
    this.#request = request
    this.#reply = reply
    this.#plan = plan
    this.#policy = policy
    this.#relay = relay
    this.#again = again
    this.#directives = policy.directivesOf(headers)
    const cookies = sentCookies(headers, plan)
    this.#hasCookies = !policy.sharesCookies && policy.key.missesCookies(cookies)
    this.#isAuthenticated = isAuthenticated(request, plan)
    const keys = cacheKeys(request.raw, plan, cookies, isStream(body) ? null : body, ownerOf(request, plan))
    this.#sharedKey = keys.shared
    this.#ownKey = keys.own
  }

  start(): void {
    const { cache } = this.#plan.cache!
    if (this.#directives.has('no-store')) return this.#bypass('request')
    const own = cache.find(this.#ownKey)
    if (own instanceof Promise) this.#later(own, (found) => this.#look(found))
    else this.#look(own)
  }

  /** Goes on with what a store finds that is not in memory; a client that has gone meanwhile needs nothing. */
  #later(
    finding: Promise<readonly StoredResponse[] | null>,
    next: (found: readonly StoredResponse[] | null) => void,
  ): void {
    settle(
      finding.then((found) => {
        if (!this.#reply.raw.destroyed) next(found)
      }),
      this.#reply,
    )
  }

  /** Looks further, among what everybody may have, when there is nothing for this consumer alone. */
  #look(own: readonly StoredResponse[] | null): void {
    if (this.#ownKey === this.#sharedKey || own !== null) return this.#decide(own)
    const shared = this.#plan.cache!.cache.find(this.#sharedKey)
    if (shared instanceof Promise) this.#later(shared, (found) => this.#decide(found))
    else this.#decide(shared)
  }

  #decide(responses: readonly StoredResponse[] | null): void {
    const request = this.#request
    const { cache } = this.#plan.cache!
    const stored = responses === null || this.#again === 'without-stored' ? null : selectResponse(responses, request)
    // a session could get other content, which only the upstream knows
    if (this.#hasCookies && stored !== null && !stored.isPublic) return this.#bypass('request')
    if (stored === null || !covers(stored, request)) {
      return this.#forward(null, stored !== null ? 'partial' : responses === null ? 'uri-miss' : 'vary-miss')
    }
    const now = cache.now()
    const reuse = reuseOf(stored, this.#directives, now)
    if (reuse === 'validate') {
      return this.#forward(stored, freshFor(stored, now) > 0 && !stored.mustValidate ? 'request' : 'stale')
    }
    sendStored(request, this.#reply, stored, { forwarded: null, ttl: freshFor(stored, now) }, now)
    // the client has its answer, whatever becomes of this
    if (reuse === 'use-and-revalidate') guarded(this.#reply, () => this.#revalidateBehind(stored))
  }

  #bypass(forwarded: ForwardReason): void {
    noteOutcome(this.#request, this.#reply, { forwarded })
    this.#relay(this.#exchange)
  }

  /** @param stored  to be validated; null for none */
  #forward(stored: StoredResponse | null, reason: ForwardReason): void {
    // RFC 9111, section 5.2.1.7
    if (this.#directives.has('only-if-cached')) throw gatehouseError('GW_NOT_CACHED')
    const request = this.#request
    const { cache } = this.#plan.cache!
    const isAlone =
      request.method === 'HEAD' ||
      (request.raw.headers.range !== undefined && stored === null) ||
      this.#hasCookies ||
      (this.#isAuthenticated && this.#ownKey === this.#sharedKey)
    const name = isAlone ? null : this.#fillName()
    const wanted = { directives: this.#directives, validates: stored !== null }
    const reader = new CacheReader(this.#exchange, wanted, (again) => this.#askAgain(again))
    // a validation is for all who wait for it, also where nobody waits for a miss
    const isPassed = name !== null && stored === null && cache.isPassed(name)
    const shared = isPassed || this.#again === 'alone' ? null : name
    const underWay = shared === null ? undefined : cache.fills.get(shared)
    if (underWay !== undefined && reader.attach(underWay)) return
    const isFree = shared !== null && !cache.fills.has(shared)
    const fill = this.#fill(stored, reason, isFree ? shared : null, false, isPassed)
    try {
      reader.attach(fill)
      fill.start()
    } catch (error) {
      // others may wait for it already
      fill.broken(error)
      throw error
    }
  }

  /** What came was not for this request; it looks anew, since by now there may be something stored for it. */
  #askAgain(again: Again): void {
    new CachedExchange(this.#exchange, this.#policy, this.#relay, again).start()
  }

  /** Has a response validated though the client has been answered (RFC 5861, section 3). */
  #revalidateBehind(stored: StoredResponse): void {
    const name = this.#fillName()
    if (this.#plan.cache!.cache.fills.has(name)) return
    const fill = this.#fill(stored, 'stale', name, true, false)
    try {
      fill.start()
    } catch (error) {
      fill.broken(error)
    }
  }

  /** @param keepsConditions  whether the client's conditions go on, because the answer is not expected to be stored */
  #fill(
    stored: StoredResponse | null,
    reason: ForwardReason,
    name: string | null,
    isBehind: boolean,
    keepsConditions: boolean,
  ): CacheFill {
    const plan = this.#plan
    const task: FillTask = {
      cache: plan.cache!.cache,
      policy: this.#policy,
      sharedKey: this.#sharedKey,
      ownKey: this.#ownKey,
      storing: {
        directives: this.#directives,
        isAuthenticated: this.#isAuthenticated,
        hasCookies: this.#hasCookies,
        hasOwner: this.#ownKey !== this.#sharedKey,
      },
      stored,
      reason,
      name,
    }
    const exchange = this.#exchange
    const all = requestHeaders(this.#request, plan, exchange.body !== null)
    const headers = this.#policy.wantsIdentity ? withoutCoding(all) : all
    return new CacheFill(
      exchange.with(
        this.#policy.key.countedTarget(exchange.path),
        keepsConditions && stored === null ? headers : withConditions(headers, stored),
      ),
      task,
      isBehind,
    )
  }

  /** Under what a request to the upstream is found that this one may share. */
  #fillName(): string {
    const name = `${this.#ownKey.url}\n${this.#ownKey.rest}`
    const names = this.#plan.cache!.cache.varyNames(name)
    return names === undefined
      ? name
      : nameByVary(
          name,
          names.map((field) => selectingValue(this.#request.raw.headers, field)),
        )
  }
}

/** The latest response that is one for this request, before those that have only a part of what it wants. */
function selectResponse(responses: readonly StoredResponse[], request: FastifyRequest): StoredResponse | null {
  let part: StoredResponse | null = null
  for (let i = responses.length - 1; i >= 0; i--) {
    const response = responses[i]!
    if (!isSelected(response, request.raw.headers)) continue
    if (covers(response, request)) return response
    part ??= response
  }
  return part
}

/** Headers with the conditions of the cache in place of the client's own, so that the answer fits the store. */
function withConditions(headers: string[], stored: StoredResponse | null): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name === 'if-none-match' || name === 'if-modified-since') continue
    // a range of what is not stored is asked for as it is
    if (stored !== null && (name === 'range' || name === 'if-range')) continue
    kept.push(name, headers[i + 1]!)
  }
  return stored === null ? kept : [...kept, ...validationFields(stored)]
}

/** Headers that ask for a body as it is. */
const withoutCoding = (headers: string[]): string[] => [
  ...headers.filter((_, i) => headers[i - (i % 2)] !== 'accept-encoding'),
  'accept-encoding',
  'identity',
]
