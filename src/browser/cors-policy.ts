import { milliseconds } from '../units.ts'
import type { CorsRules } from './browser-schema.ts'

const DEFAULT_MAX_AGE = 600

/** What a route says about pages of other origins (Fetch Standard, section 3.3), made at boot. */
export class CorsPolicy {
  /** Of a preflight; null for those that it asks for. */
  readonly methods: readonly string[] | null
  readonly headers: readonly string[] | null
  /** Seconds. */
  readonly maxAge: number
  readonly credentials: boolean
  /** Whether each origin gets an answer of its own, which caches must tell apart. */
  readonly varies: boolean
  readonly exposed: string | null
  readonly #allows: ((origin: string) => boolean) | null

  constructor({ origins, methods, headers, exposedHeaders = [], credentials = false, maxAge }: CorsRules) {
    this.methods = methods ?? null
    this.headers = headers ?? null
    this.maxAge = maxAge === undefined ? DEFAULT_MAX_AGE : Math.floor(milliseconds(maxAge) / 1000)
    this.credentials = credentials
    this.exposed = exposedHeaders.length > 0 ? exposedHeaders.join(', ') : null
    this.varies = origins !== '*'
    this.#allows = origins === '*' ? null : compileOrigins(origins)
  }

  allows(origin: string): boolean {
    return this.#allows === null || this.#allows(origin)
  }

  /** Name, value, ... of the headers that let a page read an answer; none when it may not. */
  answerHeaders(origin: string | undefined): string[] {
    const headers: string[] = this.varies ? ['vary', 'Origin'] : []
    if (origin === undefined || !this.allows(origin)) return headers
    headers.push('access-control-allow-origin', this.varies ? origin : '*')
    if (this.credentials) headers.push('access-control-allow-credentials', 'true')
    if (this.exposed !== null) headers.push('access-control-expose-headers', this.exposed)
    return headers
  }
}

/** What the gateway itself says where `cors` is stated; an upstream's own would contradict it. */
export const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-allow-private-network',
]

/** What is wrong with rules that their schema lets through; null when nothing is. */
export function corsMistake({ origins, credentials }: CorsRules): string | null {
  return origins === '*' && credentials
    ? 'credentials cannot be allowed to every page of the web: list the origins'
    : null
}

/** Says whether an origin (RFC 6454) is of a list: exact ones, and `https://*.example.com` for one label. */
export function compileOrigins(list: readonly string[]): (origin: string) => boolean {
  const exact = new Set(list.filter((entry) => !entry.includes('*')))
  const wildcards = list
    .filter((entry) => entry.includes('*'))
    .map((entry) => {
      const [scheme, host] = entry.split('//') as [string, string]
      return { start: `${scheme}//`, end: host.slice(1) }
    })
  return (origin) =>
    exact.has(origin) ||
    wildcards.some(
      ({ start, end }) =>
        origin.startsWith(start) &&
        origin.endsWith(end) &&
        /^[a-z0-9-]+$/.test(origin.slice(start.length, -end.length)),
    )
}
