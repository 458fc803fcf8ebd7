import type { IncomingHttpHeaders } from 'node:http'
import type { Csrf } from './browser-schema.ts'
import { compileOrigins } from './origin-list.ts'

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
 * Says whether a request is forged by a page of another origin, for requests that a cookie authenticates. Browsers tell by
 * `Sec-Fetch-Site` (Fetch Metadata, section 2.3), older ones by `Origin`; what sends neither is no browser, and nobody
 * can have lured it.
 */
export class ForgeryCheck {
  readonly #cookies: readonly string[]
  readonly #trusts: (origin: string) => boolean

  /** @param cookies  names of those that authenticate */
  constructor (cookies: readonly string[], csrf: Exclude<Csrf, boolean> | true, corsOrigins: readonly string[] = []) {
    this.#cookies = cookies.map((name) => `${name}=`)
    this.#trusts = compileOrigins([...csrf === true ? [] : csrf.trustedOrigins, ...corsOrigins])
  }

  isForged (request: BrowserRequest): boolean {
    const { method, headers } = request
    if ((SAFE.has(method) && !request.isUpgrade) || headers.cookie === undefined || !this.#authenticates(headers.cookie)) return false
    const { origin } = headers
    const site = headers['sec-fetch-site']
    if (site === 'same-origin' || site === 'none') return false
    if (origin !== undefined && (this.#trusts(origin) || (site === undefined && isOwn(origin, request)))) return false
    return site !== undefined || origin !== undefined
  }

  #authenticates (header: string): boolean {
    return header.split(';').some((pair) => this.#cookies.some((name) => pair.trimStart().startsWith(name)))
  }
}

const isOwn = (origin: string, { protocol, host }: BrowserRequest): boolean => origin.toLowerCase() === `${protocol}://${host.toLowerCase()}`
