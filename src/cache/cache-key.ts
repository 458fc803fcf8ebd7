import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { withoutCookies, withoutParameters } from '../auth/credentials.ts'
import type { CacheSettings } from './cache-schema.ts'

/** The key of a stored response. Purges name its URL. */
export interface CacheKey {
  /** Scheme, host, path and query. */
  readonly url: string
  /** Route, owner, and the headers, cookies and body that count; `''` for none. */
  readonly rest: string
}

/** The keys of a request. They are the same object when the request has no owner. */
export interface CacheKeys {
  /** For responses that every client may have. */
  readonly shared: CacheKey
  /** For responses that only clients with the same owner may have. */
  readonly own: CacheKey
}

/** What the key needs to know about the route of a request. */
export interface KeyedRoute {
  /** `route` tells apart routes that share a URL. */
  readonly cache: { readonly policy: { readonly key: CacheKeyRules } | null; readonly route: string } | null
  /** Query parameters and cookies that hold a credential of the gateway: the upstream does not get them. */
  readonly dropQuery: readonly string[] | null
  readonly dropCookies: readonly string[] | null
  /** Length of the internal prefix of the host group. */
  readonly hostLength: number
  readonly preserveHost: boolean
  readonly forwarded: {
    originOf(raw: IncomingMessage): string
    variantOf(raw: IncomingMessage, preserveHost: boolean): string
  }
}

/** The URL of a request as the upstream learns it: its answer may depend on each part. */
export function cacheUrl(raw: IncomingMessage, { cache, dropQuery, forwarded, hostLength }: KeyedRoute): string {
  const target = raw.url!.slice(hostLength)
  const sent = dropQuery === null ? target : withoutParameters(target, dropQuery)
  return forwarded.originOf(raw) + (cache!.policy === null ? sent : cache!.policy.key.countedTarget(sent))
}

/**
 * @param cookies  those that the upstream gets (see `sentCookies`)
 * @param owner    owner part of the key (see `ownerOf`); `''` for none
 */
export function cacheKeys(
  raw: IncomingMessage,
  route: KeyedRoute,
  cookies: string | null,
  body: Buffer | null,
  owner: string,
): CacheKeys {
  const { cache, forwarded, preserveHost } = route
  const url = cacheUrl(raw, route)
  const rest =
    cache!.route + forwarded.variantOf(raw, preserveHost) + cache!.policy!.key.valuesOf(raw.headers, cookies, body)
  const shared = { url, rest }
  return { shared, own: owner === '' ? shared : { url, rest: `${rest}\n${owner}` } }
}

/** The cookies of a request that the upstream gets; null for none. */
export const sentCookies = ({ cookie }: IncomingHttpHeaders, { dropCookies }: KeyedRoute): string | null =>
  cookie === undefined ? null : dropCookies === null ? cookie : withoutCookies(cookie, dropCookies)

/** Describe content. The key has them for a request with a body. */
const CONTENT_FIELDS = ['content-type', 'content-encoding', 'content-language', 'content-range']
/** Responses often vary by them. */
const VARIED_FIELDS = [
  'accept',
  'accept-language',
  'accept-encoding',
  'accept-charset',
  'user-agent',
  'x-requested-with',
  'save-data',
]

/** Which parts of a request count for its key: `cache.key` of a route. */
export class CacheKeyRules {
  /** Headers that tell responses apart. Other spellings of them (`x_tenant`) are in no key and must not pass. */
  readonly countedHeaders: readonly string[]
  readonly #headers: readonly string[]
  readonly #cookies: readonly string[]
  readonly #isCounted: ((parameter: string) => boolean) | null

  /** @param vary  headers by which responses vary, in lower case */
  constructor({ headers = [], cookies = [], query }: NonNullable<CacheSettings['key']>, vary: readonly string[]) {
    this.#headers = headers.map((name) => name.toLowerCase())
    this.#cookies = cookies
    this.#isCounted = query === undefined ? null : countedParameters(query)
    this.countedHeaders = [...this.#headers, ...vary, ...VARIED_FIELDS, ...CONTENT_FIELDS]
  }

  /** Path and query without the parameters that do not count. */
  countedTarget(target: string): string {
    const isCounted = this.#isCounted
    const at = isCounted === null ? -1 : target.indexOf('?')
    if (isCounted === null || at === -1) return target
    const query = target
      .slice(at + 1)
      .split('&')
      .filter((part) => isCounted(decoded(part.split('=', 1)[0]!)))
      .join('&')
    return query === '' ? target.slice(0, at) : `${target.slice(0, at)}?${query}`
  }

  /** The headers, cookies and body that count, as one text; `''` for none. */
  valuesOf(headers: IncomingHttpHeaders, cookies: string | null, body: Buffer | null): string {
    if (this.#headers.length === 0 && this.#cookies.length === 0 && body === null) return ''
    const pairs = this.#cookies.length === 0 || cookies === null ? [] : cookies.split(';').map((pair) => pair.trim())
    const values = [
      ...this.#headers.map((name) => headers[name] ?? null),
      // all pairs of a name, as sent: the upstream may read another one than we do, or decode or unquote it
      ...this.#cookies.map((name) => pairs.filter((pair) => pair.split('=', 1)[0]!.trim() === name)),
      ...(body === null ? [] : CONTENT_FIELDS.map((name) => headers[name] ?? null)),
    ]
    // JSON, so that no value can look like two
    return JSON.stringify(values) + (body === null ? '' : digest(body))
  }

  /** Whether there is a cookie that is not part of the key. */
  missesCookies(cookies: string | null): boolean {
    return cookies !== null && (this.#cookies.length === 0 || withoutCookies(cookies, this.#cookies) !== null)
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

/** A key as one text. */
export const nameOf = ({ url, rest }: CacheKey): string => (rest === '' ? url : `${url}\n${rest}`)

/** Characters. */
const LONGEST_NAME = 200
/** A key in bounded length, for maps that only remember it. */
export const shortName = (name: string): string => (name.length <= LONGEST_NAME ? name : digest(name))

/** SHA-256 in base64url, 43 characters. */
export const digest = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url')
