import { invalidToken, missingToken } from '../challenge.ts'
import { credentialFrom } from '../credential-source.ts'
import { isRepeated } from '../repeated-header.ts'
import type { AuthRequest, CredentialPlaces } from '../scheme.ts'
import type { TokenPlace } from './jwt-schema.ts'
import { refuseJwt } from './key-algorithms.ts'

/** Longest token that is looked at, in characters; real ones are far shorter. */
const LONGEST = 8192
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Where tokens stand in requests, as configured. */
export class TokenPlaces {
  readonly credentials: Required<CredentialPlaces>
  /** The Security Scheme Object (OpenAPI 3.1) of the first place. */
  readonly security: Readonly<Record<string, unknown>>
  readonly #header: string | null
  /** The usual beginning of the header, `Bearer ` for example. */
  readonly #prefix: string
  /** The header of somebody who uses this scheme, and one with something like a token. */
  readonly #ofScheme: RegExp
  readonly #withToken: RegExp
  readonly #others: readonly { cookie?: string; query?: string }[]

  /** @throws BootProblems when there is no place */
  constructor({ header, scheme, cookie, query }: TokenPlace = { header: 'authorization' }) {
    if (header === false && cookie === undefined && query === undefined) {
      refuseJwt('.token.header', 'is false, and there is no other place for a token: name a cookie or query parameter')
    }
    this.#header = header === false ? null : header.toLowerCase()
    const word = scheme ?? (this.#header === 'authorization' ? 'Bearer' : '')
    this.#prefix = word && `${word} `
    this.#ofScheme = word ? new RegExp(`^${word}(?: |$)`, 'i') : /^/
    this.#withToken = new RegExp(`^${word && `${word} +`}([\\w-]+\\.[\\w-]+\\.[\\w-]+) *$`, 'i')
    this.#others = [...(cookie === undefined ? [] : [{ cookie }]), ...(query === undefined ? [] : [{ query }])]
    this.credentials = {
      headers: this.#header === null ? [] : [this.#header],
      cookies: cookie === undefined ? [] : [cookie],
      query: query === undefined ? [] : [query],
    }
    this.security =
      this.#prefix === 'Bearer ' && this.#header === 'authorization'
        ? { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
        : {
            type: 'apiKey',
            ...(this.#header !== null
              ? { in: 'header', name: this.#header }
              : cookie !== undefined
                ? { in: 'cookie', name: cookie }
                : { in: 'query', name: query }),
          }
  }

  /** Whether there is something like a token in any place. Other bearer tokens are for another scheme. */
  isPresented(request: AuthRequest): boolean {
    const value = this.#headerValue(request)
    return (
      (value !== undefined && value.length <= 2 * LONGEST && this.#withToken.test(value)) ||
      this.#elsewhere(request).some((text) => TOKEN.test(text))
    )
  }

  /**
   * The whole of the only place that holds a token, when it does so in the usual form; null when a closer look is
   * needed. It is the way of nearly every request, so it costs as little as possible.
   */
  glance(request: AuthRequest): string | null {
    const value = this.#headerValue(request)
    if (value === undefined || !value.startsWith(this.#prefix)) {
      return this.#others.length === 0 ? null : this.#glanceElsewhere(request, value)
    }
    if (value.length > this.#prefix.length + LONGEST || isRepeated(request.raw.rawHeaders, this.#header!)) return null
    return this.#elsewhere(request).length > 0 ? null : value
  }

  #glanceElsewhere(request: AuthRequest, header: string | undefined): string | null {
    if (header !== undefined && this.#ofScheme.test(header)) return null
    const found = this.#elsewhere(request)
    return found.length === 1 && found[0]!.length <= LONGEST && TOKEN.test(found[0]!) ? found[0]! : null
  }

  /** The token in what `glance` has found. */
  tokenIn(text: string): string {
    return text.startsWith(this.#prefix) ? text.slice(this.#prefix.length) : text
  }

  /**
   * The token of a request.
   * @throws GatehouseError `GW_UNAUTHORIZED` when there is none, more than one, or none in its usual form
   */
  token(request: AuthRequest): string {
    const header = this.#headerValue(request)
    const found = this.#elsewhere(request)
    // whoever uses another scheme has not sent one
    const inHeader = header !== undefined && this.#ofScheme.test(header)
    if (!inHeader && found.length === 0) throw missingToken()
    // Node keeps the first of several `Authorization` headers only; the raw ones tell whether there were more
    if (found.length + Number(inHeader) > 1 || (inHeader && isRepeated(request.raw.rawHeaders, this.#header!))) {
      throw invalidToken('there is more than one')
    }
    const text = inHeader ? header : found[0]!
    // sparing the pattern, and all that comes after it, what no client of good will sends
    if (text.length > 2 * LONGEST) throw invalidToken('it is too long')
    const token = inHeader ? this.#withToken.exec(text)?.[1] : TOKEN.exec(text)?.[0]
    if (token === undefined) throw invalidToken('it is not a token in its usual form')
    if (token.length > LONGEST) throw invalidToken('it is too long')
    return token
  }

  #headerValue({ headers }: AuthRequest): string | undefined {
    const value = this.#header === null ? undefined : headers[this.#header]
    // Node makes a list of no header that could hold a token; what comes as one is no token
    return Array.isArray(value) ? value.join() : value
  }

  /** What cookie and query hold; `''`, which is no token, for a place that holds several. */
  #elsewhere(request: AuthRequest): string[] {
    if (this.#others.length === 0) return NOTHING
    return this.#others.map((place) => credentialFrom(place, request)).filter((text) => text !== undefined)
  }
}

const NOTHING: string[] = []
