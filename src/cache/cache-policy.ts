import type { IncomingHttpHeaders } from 'node:http'
import { bytes, milliseconds } from '../units.ts'
import {
  controlOf,
  NO_DIRECTIVES,
  parseCacheControl,
  type ControlOfResponse,
  type Directives,
} from './cache-control.ts'
import { CacheKeyRules } from './cache-key.ts'
import type { CacheSettings } from './cache-schema.ts'
import { hasExplicitFreshness, isHeuristicallyCacheable } from './freshness.ts'

const PRAGMA_NO_CACHE: Directives = new Map([['no-cache', null]])

/** The `cache` of a route, parsed. */
export class CachePolicy {
  readonly methods: ReadonlySet<string>
  readonly key: CacheKeyRules
  /** Bytes. */
  readonly maxObjectSize: number
  /** Seconds. */
  readonly grace: number
  readonly tags: readonly string[]
  readonly vary: readonly string[]
  readonly sharesCookies: boolean
  /** Whether the upstream is asked for uncompressed bodies, because the gateway compresses them itself. */
  readonly wantsIdentity: boolean
  readonly #clientControl: boolean
  readonly #ttl: number | undefined
  readonly #override: ControlOfResponse | null
  readonly #negative: ReadonlyMap<number, number>

  constructor(settings: CacheSettings, wantsIdentity = false) {
    const { ttl, negative = {} } = settings
    this.wantsIdentity = wantsIdentity
    this.methods = new Set(settings.methods ?? ['GET', 'HEAD'])
    this.maxObjectSize = bytes(settings.maxObjectSize ?? '1MiB')
    this.grace = milliseconds(settings.grace ?? 0) / 1000
    this.tags = settings.tags ?? []
    this.vary = (settings.vary ?? []).map((name) => name.toLowerCase())
    this.key = new CacheKeyRules(settings.key ?? {}, this.vary)
    this.sharesCookies = settings.cookies === 'share'
    this.#clientControl = settings.clientControl ?? true
    this.#ttl = ttl === undefined ? undefined : milliseconds(ttl) / 1000
    this.#override =
      settings.override && this.#ttl !== undefined
        ? { directives: new Map([['max-age', String(Math.round(this.#ttl))]]), targeted: true }
        : null
    this.#negative = new Map(
      Object.entries(negative).map(([status, time]) => [Number(status), milliseconds(time) / 1000]),
    )
  }

  /**
   * The cache directives of a request. `Pragma` counts only without `Cache-Control` (RFC 9111, section 5.4).
   */
  directivesOf({ 'cache-control': control, pragma }: IncomingHttpHeaders): Directives {
    if (!this.#clientControl || (control === undefined && pragma === undefined)) return NO_DIRECTIVES
    if (control !== undefined) return parseCacheControl(control)
    return parseCacheControl(pragma).has('no-cache') ? PRAGMA_NO_CACHE : NO_DIRECTIVES
  }

  /** The cache directives of a response; with `override`, those of the configuration. */
  controlOf(status: number, headers: IncomingHttpHeaders): ControlOfResponse {
    return this.#override !== null && isHeuristicallyCacheable(status) ? this.#override : controlOf(headers)
  }

  /** The configured lifetime in seconds, for a response that states none; undefined without one. */
  ttlOf(status: number, headers: IncomingHttpHeaders, control: ControlOfResponse): number | undefined {
    if (hasExplicitFreshness(headers, control) || control.directives.has('no-cache')) return undefined
    return this.#negative.get(status) ?? (status < 400 && isHeuristicallyCacheable(status) ? this.#ttl : undefined)
  }
}
