import { hash } from 'node:crypto'
import type { Consumer } from '../auth-schema.ts'
import { BEARER_CHALLENGE, invalidToken, missingToken } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import type { JwtSettings, TokenPlace } from './jwt-schema.ts'
import type { Revocations } from './token-revocation.ts'
import type { TokenVerifier, VerifiedToken } from './token-verifier.ts'
import { credentialFrom, isRepeated } from '../credentials.ts'
import { refuseJwt } from './key-algorithms.ts'

/** Bearer tokens that are JWTs (RFC 6750, RFC 7519). */
export class JwtScheme implements AuthScheme {
  readonly name = 'jwt'
  readonly challenge = BEARER_CHALLENGE
  readonly credentials: CredentialPlaces
  readonly security: Readonly<Record<string, unknown>>
  readonly #places: TokenPlaces
  readonly #verifier: Pick<TokenVerifier, 'verify'>
  readonly #revocations: readonly Revocations[]
  readonly #now: () => number
  /**
   * Tokens that have been verified, by the SHA-256 of the whole token, header and signature included, so that no two
   * tokens share an entry.
   */
  readonly #cache: ExpiringCache<VerifiedToken>
  readonly #remembers: boolean
  /**
   * What each connection has shown last: most clients send one token again and again, and comparing is cheaper than
   * hashing.
   */
  readonly #shown = new WeakMap<object, { text: string; token: VerifiedToken }>()

  /** @throws BootProblems when there is no place for a token */
  constructor(
    { cacheSize, token }: Pick<JwtSettings, 'cacheSize' | 'token'>,
    verifier: Pick<TokenVerifier, 'verify'>,
    revocations: readonly Revocations[] = [],
    now: () => number = Date.now,
  ) {
    this.#places = new TokenPlaces(token)
    this.credentials = this.#places.credentials
    this.security = this.#places.security
    this.#verifier = verifier
    this.#revocations = revocations
    this.#now = now
    this.#cache = new ExpiringCache(cacheSize, now)
    this.#remembers = cacheSize > 0
  }

  isPresented(request: AuthRequest): boolean {
    return this.#places.isPresented(request)
  }

  /** The way of nearly every request: what it shows is, as a whole, a token that has been verified. */
  recall(request: AuthRequest): Consumer | null {
    const text = this.#remembers ? this.#places.glance(request) : null
    if (text === null) return null
    const { socket } = request.raw
    const shown = socket && this.#shown.get(socket)
    if (shown !== undefined && shown.text === text && this.#isGood(shown.token)) return shown.token.consumer
    const token = this.#cache.get(keyOf(this.#places.tokenIn(text)))
    if (token === undefined || !this.#isGood(token)) return null
    if (socket) this.#shown.set(socket, { text, token })
    return token.consumer
  }

  authenticate(request: AuthRequest): Consumer | Promise<Consumer> {
    const text = this.#places.token(request)
    const key = keyOf(text)
    const known = this.#cache.get(key)
    if (known !== undefined && this.#isCurrent(known)) return this.#unlessRevoked(known)
    const found = this.#verifier.verify(text)
    return found instanceof Promise ? found.then((token) => this.#remember(key, token)) : this.#remember(key, found)
  }

  #remember(key: string, token: VerifiedToken): Consumer | Promise<Consumer> {
    this.#cache.set(key, token, token.until)
    return this.#unlessRevoked(token)
  }

  #unlessRevoked(token: VerifiedToken): Consumer | Promise<Consumer> {
    const asked: Promise<boolean>[] = []
    for (const revocations of this.#revocations) {
      const known = revocations.peek(token)
      if (known) throw revoked()
      if (known === null) asked.push(revocations.ask(token))
    }
    if (asked.length === 0) return token.consumer
    return Promise.all(asked).then((verdicts) => {
      if (verdicts.includes(true)) throw revoked()
      return token.consumer
    })
  }

  /** Whether the token is valid at this moment, and known not to be revoked. */
  #isGood(token: VerifiedToken): boolean {
    if (!this.#isCurrent(token)) return false
    for (const revocations of this.#revocations) if (revocations.peek(token) !== false) return false
    return true
  }

  #isCurrent({ from, until, key }: VerifiedToken): boolean {
    const now = this.#now()
    return now >= from && now < until && !key.retired
  }
}

const keyOf = (token: string): string => hash('sha256', token, 'base64')

const revoked = (): Error => invalidToken('it has been revoked')

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
