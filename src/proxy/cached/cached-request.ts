import type { Directives } from '../../cache/cache-control.ts'
import { type CacheKeys, cacheKeys, sentCookies } from '../../cache/cache-key.ts'
import type { CachePolicy } from '../../cache/cache-policy.ts'
import type { StoringRequest } from '../../cache/storing-rules.ts'
import { selectingValue } from '../../cache/vary.ts'
import { isStream } from '../../upstream/outgoing-request.ts'
import { isAuthenticated, ownerOf } from './cache-owner.ts'
import type { Exchange } from '../exchange.ts'
import type { ResponseCache } from './response-cache.ts'

/** A request on its way through the cache: what lookup, fetch and store share. */
export class CachedRequest implements StoringRequest {
  readonly exchange: Exchange
  readonly cache: ResponseCache
  readonly policy: CachePolicy
  readonly keys: CacheKeys
  readonly directives: Directives
  readonly hasCookies: boolean
  readonly isAuthenticated: boolean
  readonly hasOwner: boolean
  /** Asks the upstream without the cache. */
  readonly relay: (exchange: Exchange) => void

  constructor(exchange: Exchange, policy: CachePolicy, relay: (exchange: Exchange) => void) {
    const { request, plan, body } = exchange
    const { headers } = request.raw
    const cookies = sentCookies(headers, plan)
    this.exchange = exchange
    this.cache = plan.cache!.cache
    this.policy = policy
    this.relay = relay
    this.keys = cacheKeys(request.raw, plan, cookies, isStream(body) ? null : body, ownerOf(request, plan))
    this.directives = policy.directivesOf(headers)
    this.hasCookies = !policy.sharesCookies && policy.key.missesCookies(cookies)
    this.isAuthenticated = isAuthenticated(request, plan)
    this.hasOwner = this.keys.own !== this.keys.shared
  }

  /** The name of the fetch that this request may join: its key, with the values of the known `Vary` fields. */
  fetchName(): string {
    const { url, rest } = this.keys.own
    const name = `${url}\n${rest}`
    const fields = this.cache.varyFields(name)
    if (fields === undefined) return name
    const { headers } = this.exchange.request.raw
    const values = fields.map((field) => selectingValue(headers, field))
    return variantName(name, values)
  }
}

/** The name of the fetch of one variant. */
export const variantName = (name: string, values: readonly (string | null)[]): string =>
  `${name}\n${JSON.stringify(values)}`
