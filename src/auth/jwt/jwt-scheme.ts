import { hash } from 'node:crypto'
import type { Consumer } from '../auth-schema.ts'
import { BEARER_CHALLENGE, invalidToken } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import type { JwtSettings } from './jwt-schema.ts'
import type { Revocations } from './revocation-list.ts'
import { TokenPlaces } from './token-places.ts'
import type { TokenVerifier, VerifiedToken } from './token-verifier.ts'

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
