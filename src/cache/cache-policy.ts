import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { bytes, milliseconds } from '../units.ts'
import { type Directives, NO_DIRECTIVES, parseCacheControl } from './cache-control.ts'
import type { CacheSettings } from './cache-schema.ts'
import { hasExplicitFreshness, isHeuristicallyCacheable } from './freshness.ts'
import { type ControlOfResponse, controlOf } from './targeted-control.ts'

/** What says how content is to be read. */
const CONTENT_FIELDS = ['content-type', 'content-encoding', 'content-language', 'content-range']
/** What responses usually vary by. */
const VARIED_FIELDS = [
  'accept',
  'accept-language',
  'accept-encoding',
  'accept-charset',
  'user-agent',
  'x-requested-with',
  'save-data',
]
const PRAGMA_NO_CACHE: Directives = new Map([['no-cache', null]])

/** The `cache` of a route, made ready. */
export class CachePolicy {
  readonly methods: ReadonlySet<string>
  /** Bytes. */
  readonly maxObjectSize: number
  /** Seconds. */
  readonly grace: number
  readonly tags: readonly string[]
  readonly vary: readonly string[]
  readonly sharesCookies: boolean
  /** Whether the upstream is asked for bodies in no coding, since the gateway encodes them itself. */
  readonly wantsIdentity: boolean
  /** Cookies that are part of the key. */
  readonly keyCookies: readonly string[]
  /** Headers that tell responses apart, whose other spellings (`x_tenant`) would be part of no key. */
  readonly countedHeaders: readonly string[]
  readonly #clientControl: boolean
  readonly #ttl: number | undefined
  readonly #override: ControlOfResponse | null
  readonly #negative: ReadonlyMap<number, number>
  readonly #keyHeaders: readonly string[]
  readonly #counts: ((parameter: string) => boolean) | null

  constructor(
    {
      ttl,
      override = false,
      methods = ['GET', 'HEAD'],
      key = {},
      vary = [],
      tags = [],
      grace = 0,
      maxObjectSize = '1MiB',
      negative = {},
      cookies,
      clientControl = true,
    }: CacheSettings,
    wantsIdentity = false,
  ) {
    this.wantsIdentity = wantsIdentity
    this.methods = new Set(methods)
    this.maxObjectSize = bytes(maxObjectSize)
    this.grace = milliseconds(grace) / 1000
    this.tags = tags
    this.vary = vary.map((name) => name.toLowerCase())
    this.sharesCookies = cookies === 'share'
    this.keyCookies = key.cookies ?? []
    this.#clientControl = clientControl
    this.#ttl = ttl === undefined ? undefined : milliseconds(ttl) / 1000
    this.#override =
      override && this.#ttl !== undefined
        ? { directives: new Map([['max-age', String(Math.round(this.#ttl))]]), targeted: true }
        : null
    this.#negative = new Map(
      Object.entries(negative).map(([status, time]) => [Number(status), milliseconds(time) / 1000]),
    )
    this.#keyHeaders = (key.headers ?? []).map((name) => name.toLowerCase())
    this.countedHeaders = [...this.#keyHeaders, ...this.vary, ...VARIED_FIELDS, ...CONTENT_FIELDS]
    this.#counts = key.query === undefined ? null : countedParameters(key.query)
  }

  /**
   * What a request says about how it may be answered; `Pragma` counts without `Cache-Control` (RFC 9111, section 5.4).
   */
  directivesOf({ 'cache-control': control, pragma }: IncomingHttpHeaders): Directives {
    if (!this.#clientControl || (control === undefined && pragma === undefined)) return NO_DIRECTIVES
    if (control !== undefined) return parseCacheControl(control)
    return parseCacheControl(pragma).has('no-cache') ? PRAGMA_NO_CACHE : NO_DIRECTIVES
  }

  /** What a response says about how it may be stored, or what the configuration says in its place. */
  controlOf(status: number, headers: IncomingHttpHeaders): ControlOfResponse {
    return this.#override !== null && isHeuristicallyCacheable(status) ? this.#override : controlOf(headers)
  }

  /**
   * Seconds that a response is fresh which does not say so itself; undefined when the configuration does not either.
   */
  ttlOf(status: number, headers: IncomingHttpHeaders, control: ControlOfResponse): number | undefined {
    const { directives } = control
    if (hasExplicitFreshness(headers, control) || directives.has('no-cache')) return undefined
    return this.#negative.get(status) ?? (status < 400 && isHeuristicallyCacheable(status) ? this.#ttl : undefined)
  }

  /** A target without the parameters that do not count. */
  countedTarget(target: string): string {
    if (this.#counts === null) return target
    const at = target.indexOf('?')
    if (at === -1) return target
    const query = target
      .slice(at + 1)
      .split('&')
      .filter((part) => this.#counts!(decoded(part.split('=', 1)[0]!)))
      .join('&')
    return query === '' ? target.slice(0, at) : `${target.slice(0, at)}?${query}`
  }

  /** What else tells responses to requests for one URL apart; `''` for nothing. @param cookies  those that may count */
  keyOf(headers: IncomingHttpHeaders, cookies: string | null, body: Buffer | null): string {
    if (this.#keyHeaders.length === 0 && this.keyCookies.length === 0 && body === null) return ''
    const pairs = this.keyCookies.length === 0 || cookies === null ? [] : cookies.split(';').map((pair) => pair.trim())
    const values = [
      ...this.#keyHeaders.map((name) => headers[name] ?? null),
      // all of a name and as they came: of two, or of one that is quoted or encoded, an upstream may read another value
      ...this.keyCookies.map((name) => pairs.filter((pair) => pair.split('=', 1)[0]!.trim() === name)),
      ...(body === null ? [] : CONTENT_FIELDS.map((name) => headers[name] ?? null)),
    ]
    // as JSON, since no value may look like two
    return JSON.stringify(values) + (body === null ? '' : createHash('sha256').update(body).digest('base64url'))
  }
}

function countedParameters(
  query: NonNullable<NonNullable<CacheSettings['key']>['query']>,
): (parameter: string) => boolean {
  const [names, counted] = 'allow' in query ? [query.allow, true] : [query.deny, false]
  const exact = new Set(names.filter((name) => !name.endsWith('*')))
  const beginnings = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  return (parameter) =>
    (exact.has(parameter) || beginnings.some((beginning) => parameter.startsWith(beginning))) === counted
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
