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
  /** Verified tokens by the SHA-256 of the whole token: tokens that differ only in their signature are not mixed up. */
  readonly #cache: ExpiringCache<VerifiedToken>
  readonly #isCached: boolean
  /** The last token of each connection: clients send one again and again, and comparing is cheaper than hashing. */
  readonly #last = new WeakMap<object, { text: string; token: VerifiedToken }>()

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
    this.#isCached = cacheSize > 0
  }

  isPresented(request: AuthRequest): boolean {
    return this.#places.isPresented(request)
  }

  /** The hot path: the whole header is a token that has been verified before. */
  recall(request: AuthRequest): Consumer | null {
    const text = this.#isCached ? this.#places.glance(request) : null
    if (text === null) return null
    const { socket } = request.raw
    const last = socket && this.#last.get(socket)
    if (last !== undefined && last.text === text && this.#isGood(last.token)) return last.token.consumer
    const token = this.#cache.get(keyOf(this.#places.tokenIn(text)))
    if (token === undefined || !this.#isGood(token)) return null
    if (socket) this.#last.set(socket, { text, token })
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
    return Promise.all(asked).then((answers) => {
      if (answers.includes(true)) throw revoked()
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

/** The places where requests carry tokens: a header, a cookie, a query parameter. */
export class TokenPlaces {
  readonly credentials: Required<CredentialPlaces>
  /** The Security Scheme Object (OpenAPI 3.1) of the first place. */
  readonly security: Readonly<Record<string, unknown>>
  readonly #header: string | null
  /** What the header normally starts with, such as `Bearer `. */
  readonly #prefix: string
  /** Match a header of this scheme, and one that also has something like a token. */
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

  /** Whether any place has something like a JWT. Opaque bearer tokens belong to another scheme. */
  isPresented(request: AuthRequest): boolean {
    const value = this.#headerValue(request)
    return (
      (value !== undefined && value.length <= 2 * LONGEST && this.#withToken.test(value)) ||
      this.#elsewhere(request).some((text) => TOKEN.test(text))
    )
  }

  /**
   * A cheap look for the hot path: the whole value of the only place with a token, if it has the usual form. Null when
   * the full check of `token` is needed.
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

  /** The token in the value that `glance` has returned. */
  tokenIn(text: string): string {
    return text.startsWith(this.#prefix) ? text.slice(this.#prefix.length) : text
  }

  /**
   * The token of a request.
   * @throws GatehouseError `GW_UNAUTHORIZED` when there is none or more than one, or when it is malformed
   */
  token(request: AuthRequest): string {
    const header = this.#headerValue(request)
    const found = this.#elsewhere(request)
    // a header with another scheme, such as Basic, is not a token
    const inHeader = header !== undefined && this.#ofScheme.test(header)
    if (!inHeader && found.length === 0) throw missingToken()
    // Node keeps only the first of several `Authorization` headers; the raw headers show the others
    if (found.length + Number(inHeader) > 1 || (inHeader && isRepeated(request.raw.rawHeaders, this.#header!))) {
      throw invalidToken('there is more than one')
    }
    const text = inHeader ? header : found[0]!
    // no real token is that long: do not run the pattern on it
    if (text.length > 2 * LONGEST) throw invalidToken('it is too long')
    const token = inHeader ? this.#withToken.exec(text)?.[1] : TOKEN.exec(text)?.[0]
    if (token === undefined) throw invalidToken('it is not a token in its usual form')
    if (token.length > LONGEST) throw invalidToken('it is too long')
    return token
  }

  #headerValue({ headers }: AuthRequest): string | undefined {
    const value = this.#header === null ? undefined : headers[this.#header]
    // only headers such as Set-Cookie come as a list, and none of them can hold a token
    return Array.isArray(value) ? value.join() : value
  }

  /** The values in cookie and query; `''`, which is not a token, for a place that has several. */
  #elsewhere(request: AuthRequest): string[] {
    if (this.#others.length === 0) return NOTHING
    return this.#others.map((place) => credentialFrom(place, request)).filter((text) => text !== undefined)
  }
}

const NOTHING: string[] = []
