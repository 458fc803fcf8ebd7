import type { FastifyRequest } from 'fastify'
import { hasUnsafeCondition, validationFields } from '../../cache/conditional-request.ts'
import type { ForwardReason } from '../../cache/cache-status.ts'
import type { Found } from '../../cache/cache-store.ts'
import { freshFor, reuseOf } from '../../cache/freshness.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { isSelected } from '../../cache/vary.ts'
import { gatehouseError } from '../../errors.ts'
import { guarded, settle } from '../../listener/settle.ts'
import { isStream } from '../../upstream/outgoing-request.ts'
import type { Exchange } from '../exchange.ts'
import { hidesFields, requestHeaders } from '../request-headers.ts'
import { CachedRequest } from './cached-request.ts'
import { CollapsedFetch, type FetchTask } from './collapsed-fetch.ts'
import { StoreHandler } from './store-handler.ts'
import { covers, noteOutcome, sendStored } from './stored-reply.ts'
import { type Retry, WaitingClient } from './waiting-client.ts'

/**
 * Answers a request from the cache if that is allowed. Else it joins a fetch in flight for the same response, or asks
 * the upstream and stores the answer.
 * @param relay  asks the upstream without the cache
 */
export function exchangeCached(exchange: Exchange, relay: (exchange: Exchange) => void): void {
  const { policy } = exchange.plan.cache!
  // such a route only purges what a write has changed
  if (policy === null) return relay(exchange)
  const reason = bypassReason(exchange, policy.methods)
  if (reason === null) return lookUp(new CachedRequest(exchange, policy, relay), null)
  noteOutcome(exchange.request, exchange.reply, { forwarded: reason })
  relay(exchange)
}

/** Why a request bypasses the cache; null when it does not. */
function bypassReason({ request, plan, body }: Exchange, methods: ReadonlySet<string>): ForwardReason | null {
  const { method } = request
  const { headers } = request.raw
  if (!methods.has(method)) return 'method'
  const hasLength = headers['content-length'] !== undefined && headers['content-length'] !== '0'
  // the body of a GET may change the answer, and is not in the key; a QUERY without a small body has no key
  if (method === 'QUERY' ? body === null || isStream(body) : hasLength) return 'bypass'
  if (headers['transfer-encoding'] !== undefined) return 'bypass'
  // the key must be made of the headers that the upstream gets
  if (hidesFields(headers, plan)) return 'bypass'
  return hasUnsafeCondition(headers) ? 'request' : null
}

function bypass({ exchange, relay }: CachedRequest, forwarded: ForwardReason): void {
  noteOutcome(exchange.request, exchange.reply, { forwarded })
  relay(exchange)
}

/** @param retry  how to go on after a fetch that could not answer the request; null at first */
function lookUp(cached: CachedRequest, retry: Retry | null): void {
  const { cache, keys } = cached
  if (cached.directives.has('no-store')) return bypass(cached, 'request')
  const own = cache.find(keys.own)
  if (own instanceof Promise) later(cached, own, (found) => lookUpShared(cached, retry, found))
  else lookUpShared(cached, retry, own)
}

/** Looks for a response that all clients may have when there is none for this owner. */
function lookUpShared(cached: CachedRequest, retry: Retry | null, own: Found): void {
  if (own !== null || !cached.hasOwner) return decide(cached, retry, own)
  const shared = cached.cache.find(cached.keys.shared)
  if (shared instanceof Promise) later(cached, shared, (found) => decide(cached, retry, found))
  else decide(cached, retry, shared)
}

/** Goes on with the result of a lookup that takes a while, unless the client has gone away meanwhile. */
function later({ exchange: { reply } }: CachedRequest, lookup: Promise<Found>, next: (found: Found) => void): void {
  settle(
    lookup.then((found) => {
      if (!reply.raw.destroyed) next(found)
    }),
    reply,
  )
}

function decide(cached: CachedRequest, retry: Retry | null, responses: Found): void {
  const { request, reply } = cached.exchange
  const stored = responses === null || retry === 'ignore-stored' ? null : select(responses, request)
  // the upstream may answer otherwise in a session, unless the response is marked public
  if (cached.hasCookies && stored !== null && !stored.isPublic) return bypass(cached, 'request')
  if (stored === null || !covers(stored, request)) {
    const reason = stored !== null ? 'partial' : responses === null ? 'uri-miss' : 'vary-miss'
    return forward(cached, retry, null, reason)
  }
  const now = cached.cache.now()
  const reuse = reuseOf(stored, cached.directives, now)
  if (reuse === 'validate') {
    return forward(cached, retry, stored, freshFor(stored, now) > 0 && !stored.mustValidate ? 'request' : 'stale')
  }
  sendStored(request, reply, stored, { forwarded: null, ttl: freshFor(stored, now) }, now)
  if (reuse === 'use-and-revalidate') guarded(reply, () => revalidateInBackground(cached, stored))
}

/** The latest response that the request selects; a response with the whole range comes before one with a part of it. */
function select(responses: readonly StoredResponse[], request: FastifyRequest): StoredResponse | null {
  let part: StoredResponse | null = null
  for (let i = responses.length - 1; i >= 0; i--) {
    const response = responses[i]!
    if (!isSelected(response, request.raw.headers)) continue
    if (covers(response, request)) return response
    part ??= response
  }
  return part
}

/** Joins a fetch, or starts one. @param stored  the response to validate; null for none */
function forward(
  cached: CachedRequest,
  retry: Retry | null,
  stored: StoredResponse | null,
  reason: ForwardReason,
): void {
  const { cache, exchange } = cached
  const { method, raw } = exchange.request
  // RFC 9111, section 5.2.1.7
  if (cached.directives.has('only-if-cached')) throw gatehouseError('GW_NOT_CACHED')
  const isPersonal = cached.hasCookies || (cached.isAuthenticated && !cached.hasOwner)
  const isPart = raw.headers.range !== undefined && stored === null
  const name = method === 'HEAD' || isPart || isPersonal ? null : cached.fetchName()
  // a validation is shared even after hit-for-miss: its 304 serves all
  const isHitForMiss = name !== null && stored === null && cache.isHitForMiss(name)
  const shared = isHitForMiss || retry === 'alone' ? null : name
  const client = new WaitingClient(cached, stored !== null, (next) => lookUp(cached, next))
  const inFlight = shared === null ? undefined : cache.fetches.get(shared)
  if (inFlight?.join(client)) return
  // joining may have closed the other fetch
  const isFree = shared !== null && !cache.fetches.has(shared)
  startFetch(cached, { stored, reason, name: isFree ? shared : null, isBackground: false }, isHitForMiss, client)
}

/** Revalidates a response that the client has already got (RFC 5861, section 3). */
function revalidateInBackground(cached: CachedRequest, stored: StoredResponse): void {
  const name = cached.fetchName()
  if (!cached.cache.fetches.has(name)) startFetch(cached, { stored, reason: 'stale', name, isBackground: true })
}

/**
 * Asks the upstream.
 * @param keepsConditions  whether the client's conditions are sent, because the answer will probably not be stored
 * @param client  the client that waits; none in the background
 */
function startFetch(
  cached: CachedRequest,
  task: Pick<FetchTask, 'stored' | 'reason' | 'name' | 'isBackground'>,
  keepsConditions = false,
  client?: WaitingClient,
): void {
  const { cache, exchange, policy } = cached
  const { stored } = task
  const all = requestHeaders(exchange.request, exchange.plan, exchange.body !== null)
  const headers = policy.wantsIdentity ? withoutCoding(all) : all
  const outgoing = exchange.with(
    policy.key.countedTarget(exchange.path),
    keepsConditions && stored === null ? headers : withConditions(headers, stored),
  )
  const fetch = new CollapsedFetch({ ...task, cached, exchange: outgoing, since: cache.purgeCount })
  try {
    if (client !== undefined) fetch.join(client)
    exchange.plan.upstream.dispatch(outgoing, new StoreHandler(fetch))
  } catch (error) {
    // other clients may have joined
    fetch.broken(error)
    if (client !== undefined) throw error
  }
}

/** Headers with the conditions of the cache in place of the client's, so that the answer can be stored. */
function withConditions(headers: string[], stored: StoredResponse | null): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name === 'if-none-match' || name === 'if-modified-since') continue
    // without a stored response, a range is forwarded as it is
    if (stored !== null && (name === 'range' || name === 'if-range')) continue
    kept.push(name, headers[i + 1]!)
  }
  return stored === null ? kept : [...kept, ...validationFields(stored)]
}

/** Headers that ask for an uncompressed body. */
const withoutCoding = (headers: string[]): string[] => [
  ...headers.filter((_, i) => headers[i - (i % 2)] !== 'accept-encoding'),
  'accept-encoding',
  'identity',
]
