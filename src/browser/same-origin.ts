import type { IncomingHttpHeaders } from 'node:http'
import type { Csrf } from './browser-schema.ts'
import { compileOrigins } from './cors-policy.ts'

/** Methods that change nothing (RFC 9110, section 9.2.1; QUERY: RFC 10008). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** What of a request tells where it comes from. */
export interface BrowserRequest {
  method: string
  headers: IncomingHttpHeaders
  /** Scheme as the client has it. */
  protocol: string
  /** Host and port as the client has them. */
  host: string
  isUpgrade: boolean
}

/**
 * Finds out whether a page of another origin has made a request with credentials of the client: one that makes changes
 * with a cookie, or a WebSocket, whose messages the page could read. Browsers state it in `Sec-Fetch-Site` (Fetch
 * Metadata, section 2.3), older ones in `Origin`; a client that sends neither is no browser.
 */
export class ForgeryCheck {
  readonly #cookies: readonly string[]
  readonly #isAmbient: boolean
  readonly #trusts: (origin: string) => boolean

  /**
   * @param cookies  names of those that authenticate
   * @param isAmbient  whether browsers add other credentials by themselves, so that every WebSocket is looked at
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
 * Whether a page of the site itself has made a request. Old browsers do not say so in `Sec-Fetch-Site`, and count by
 * their `Origin`.
 */
export const isOwnPage = (
  origin: string,
  site: string | string[] | undefined,
  request: Pick<BrowserRequest, 'protocol' | 'host'>,
): boolean => (site === undefined ? isOwn(origin, request) : site === 'same-origin')

const isOwn = (origin: string, { protocol, host }: Pick<BrowserRequest, 'protocol' | 'host'>): boolean =>
  origin.toLowerCase() === `${protocol}://${host.toLowerCase()}`
