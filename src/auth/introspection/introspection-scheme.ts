import { hash } from 'node:crypto'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { BEARER_CHALLENGE, invalidToken, missingToken } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import { isRepeated } from '../repeated-header.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import type { IntrospectionSettings } from './introspection-schema.ts'
import type { ActiveToken, Introspect } from './token-introspection.ts'

/** Longest header that is looked at, in characters. */
const LONGEST = 8192
const BEARER_SCHEME = /^Bearer(?: |$)/i
/** A bearer token of any kind (RFC 6750, section 2.1). */
const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i

/** Bearer tokens that only the authorization server can read (RFC 7662). */
export class IntrospectionScheme implements AuthScheme {
  readonly name = 'introspection'
  readonly challenge = BEARER_CHALLENGE
  readonly credentials = { headers: ['authorization'] }
  readonly security = { type: 'http', scheme: 'bearer' }
  readonly #introspect: Introspect
  readonly #cacheForMs: number
  readonly #refusedForMs: number
  readonly #now: () => number
  readonly #good: ExpiringCache<Consumer>
  /** Apart from the good ones, which a flood of invented tokens would drive out. */
  readonly #bad: ExpiringCache<true>
  /** One question for all who show a token at the same time. */
  readonly #asked = new Map<string, Promise<Consumer>>()

  constructor(
    settings: Pick<IntrospectionSettings, 'cacheFor' | 'refusedFor' | 'cacheSize'>,
    introspect: Introspect,
    now: () => number = Date.now,
  ) {
    this.#introspect = introspect
    this.#cacheForMs = milliseconds(settings.cacheFor)
    this.#refusedForMs = milliseconds(settings.refusedFor)
    this.#now = now
    this.#good = new ExpiringCache(settings.cacheSize, now)
    this.#bad = new ExpiringCache(settings.cacheSize, now)
  }

  isPresented({ headers: { authorization } }: AuthRequest): boolean {
    return authorization !== undefined && BEARER_SCHEME.test(authorization)
  }

  recall(request: AuthRequest): Consumer | null {
    const token = tokenOf(request)
    return token === null ? null : (this.#good.get(keyOf(token)) ?? null)
  }

  authenticate(request: AuthRequest): Consumer | Promise<Consumer> {
    if (!this.isPresented(request)) throw missingToken()
    const token = tokenOf(request)
    if (token === null) throw refusal()
    const key = keyOf(token)
    if (this.#bad.get(key)) throw refusal()
    return this.#good.get(key) ?? this.#asked.get(key) ?? this.#ask(key, token)
  }

  #ask(key: string, token: string): Promise<Consumer> {
    const since = this.#now()
    const asked = this.#introspect(token)
      .then((found) => this.#remember(key, found, since))
      .finally(() => this.#asked.delete(key))
    this.#asked.set(key, asked)
    return asked
  }

  /** @param since  when the question was put: the answer may be that old */
  #remember(key: string, found: ActiveToken | null, since: number): Consumer {
    if (found === null) {
      this.#bad.set(key, true, since + this.#refusedForMs)
      throw refusal()
    }
    this.#good.set(key, found.consumer, Math.min(found.expires, since + this.#cacheForMs))
    return found.consumer
  }
}

/** The same words whatever is wrong. */
const refusal = (): Error => invalidToken('it cannot be verified')

/** The one token that a request shows; null when it shows none, several, or something else. */
function tokenOf({ headers: { authorization = '' }, raw: { rawHeaders } }: AuthRequest): string | null {
  if (authorization.length > LONGEST || isRepeated(rawHeaders, 'authorization')) return null
  return BEARER.exec(authorization)?.[1] ?? null
}

const keyOf = (token: string): string => hash('sha256', token, 'base64')
