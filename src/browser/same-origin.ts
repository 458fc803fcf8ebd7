import type { IncomingHttpHeaders } from 'node:http'
import type { Csrf } from './browser-schema.ts'
import { compileOrigins } from './cors-policy.ts'

/** Safe methods (RFC 9110, section 9.2.1; QUERY: RFC 10008). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** The parts of a request that show which page made it. */
export interface BrowserRequest {
  method: string
  headers: IncomingHttpHeaders
  /** Scheme as the client sent it. */
  protocol: string
  /** Host and port as the client sent them. */
  host: string
  isUpgrade: boolean
}

/**
 * Detects cross-site request forgery: a page of another origin sends a request that makes changes with the client's
 * cookie, or opens a WebSocket, whose messages the page could read. Browsers send the site of the page in
 * `Sec-Fetch-Site` (Fetch Metadata, section 2.3), older ones only `Origin`. A client that sends neither is not a browser.
 */
export class ForgeryCheck {
  readonly #cookies: readonly string[]
  readonly #isAmbient: boolean
  readonly #trusts: (origin: string) => boolean

  /**
   * @param cookies    names of the cookies that authenticate
   * @param isAmbient  whether browsers also add other credentials by themselves, so that every WebSocket is checked
   */
  constructor(
    cookies: readonly string[],
    csrf: Exclude<Csrf, boolean> | true,
    corsOrigins: readonly string[] = [],
    isAmbient = false,
  ) {
    this.#isAmbient = isAmbient
    this.#cookies = cookies.map((name) => `${name}=`)
    this.#trusts = compileOrigins([...(csrf === true ? [] : csrf.trustedOrigins), ...corsOrigins])
  }

  isForged(request: BrowserRequest): boolean {
    const { method, headers } = request
    if (SAFE.has(method) && !request.isUpgrade) return false
    const isAmbient = this.#isAmbient && request.isUpgrade
    if (!isAmbient && (headers.cookie === undefined || !this.#authenticates(headers.cookie))) return false
    const { origin } = headers
    const site = headers['sec-fetch-site']
    if (site === 'same-origin' || site === 'none') return false
    if (origin !== undefined && (this.#trusts(origin) || (site === undefined && isOwn(origin, request)))) return false
    return site !== undefined || origin !== undefined
  }

  #authenticates(header: string): boolean {
    return header.split(';').some((pair) => this.#cookies.some((name) => pair.trimStart().startsWith(name)))
  }
}

/**
 * Whether a page of the same origin has made a request. Old browsers do not send `Sec-Fetch-Site`; then `Origin` decides.
 */
export const isOwnPage = (
  origin: string,
  site: string | string[] | undefined,
  request: Pick<BrowserRequest, 'protocol' | 'host'>,
): boolean => (site === undefined ? isOwn(origin, request) : site === 'same-origin')

const isOwn = (origin: string, { protocol, host }: Pick<BrowserRequest, 'protocol' | 'host'>): boolean =>
  origin.toLowerCase() === `${protocol}://${host.toLowerCase()}`
