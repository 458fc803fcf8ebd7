import type { IncomingMessage } from 'node:http'
import type { FastifyContextConfig } from 'fastify'
import { milliseconds } from '../units.ts'
import type { CorsRules } from './browser-schema.ts'

const DEFAULT_MAX_AGE = 600

/** The `cors` of a route (Fetch Standard, section 3.3), compiled. */
export class CorsPolicy {
  /** What a preflight allows; null for what it asks for. */
  readonly methods: readonly string[] | null
  readonly headers: readonly string[] | null
  /** Seconds. */
  readonly maxAge: number
  readonly credentials: boolean
  /** Whether answers differ by origin, so that they need `Vary: Origin`. */
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

  /** The headers of an answer, as name, value, name, value. An origin that is not allowed gets none but `Vary`. */
  answerHeaders(origin: string | undefined): string[] {
    const headers: string[] = this.varies ? ['vary', 'Origin'] : []
    if (origin === undefined || !this.allows(origin)) return headers
    headers.push('access-control-allow-origin', this.varies ? origin : '*')
    if (this.credentials) headers.push('access-control-allow-credentials', 'true')
    if (this.exposed !== null) headers.push('access-control-expose-headers', this.exposed)
    return headers
  }
}

/** Headers that the gateway sets on routes with `cors`. Those of the upstream are removed. */
export const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-allow-private-network',
]

/** A mistake that the schema cannot find; null for none. */
export function corsMistake({ origins, credentials }: CorsRules): string | null {
  return origins === '*' && credentials
    ? 'credentials cannot be allowed to every page of the web: list the origins'
    : null
}

/** Compiles a list of origins (RFC 6454): exact ones, and `https://*.example.com` for one label. */
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

/** The internal path that answers preflights. */
export const PREFLIGHT_PATH = '/.preflight'

type Preflighted = FastifyContextConfig & { corsPolicy: CorsPolicy }
const kRoute = Symbol('gatehouse.preflight')
type PreflightRequest = IncomingMessage & { [kRoute]?: Preflighted }

/** Whether a browser asks if a page may send a request (Fetch Standard, section 4.8). */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Records the route that a preflight asks about. */
export function notePreflight(request: PreflightRequest, config: Preflighted): void {
  request[kRoute] = config
}

/** The route that a preflight asks about. */
export const preflightRoute = (request: PreflightRequest): Preflighted | undefined => request[kRoute]
