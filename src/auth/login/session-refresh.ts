import { setTimeout as delay } from 'node:timers/promises'
import { milliseconds } from '../../units.ts'
import { authUnavailable } from '../challenge.ts'
import type { Consumer } from '../auth-schema.ts'
import type { IssuerAnswer, LoginIssuer } from './login-issuer.ts'
import type { LoginSettings } from './login-schema.ts'
import { consumerReader, type LoginSession, unguessable, type SessionSeal } from './login-session.ts'

/** Part of the lifetime of the access token after which a session is refreshed. */
const REFRESH_AT = 0.8
/** Milliseconds for which requests with the old cookie get the refreshed session: its refresh token is used up. */
export const REMEMBERED = 60_000
/** Milliseconds after a failure before the issuer is asked again. */
const PAUSE = 5000

/** Creates sessions from answers of the issuer, and refreshes them. */
export class SessionRefresh {
  readonly #issuer: Pick<LoginIssuer, 'refresh'>
  readonly #consumerOf: (claims: Record<string, unknown>, scope: string) => Consumer | null
  readonly #grace: number
  readonly #now: () => number
  readonly #shared: SharedRefresh | undefined
  readonly #refreshed = new Map<string, Promise<LoginSession>>()
  #pausedUntil = -Infinity

  /** @param shared  coordinates several gateways. Default: each refreshes by itself */
  constructor(
    issuer: Pick<LoginIssuer, 'refresh'>,
    { claims, outageGrace }: Pick<LoginSettings, 'claims' | 'outageGrace'>,
    now: () => number = Date.now,
    shared?: SharedRefresh,
  ) {
    this.#shared = shared
    this.#issuer = issuer
    this.#consumerOf = consumerReader(claims)
    this.#grace = milliseconds(outageGrace)
    this.#now = now
  }

  /** @returns null when the claims have no id */
  begin(answer: IssuerAnswer): LoginSession | null {
    const now = this.#now()
    const consumer = this.#consumerOf(answer.claims!, answer.scope)
    const freshness = this.#freshness(answer, null)
    return consumer && { id: unguessable(), generation: 0, started: now, used: now, consumer, ...freshness }
  }

  /**
   * Returns the session, refreshed if that is due.
   * @throws SessionOver, or GatehouseError `GW_AUTH_UNAVAILABLE` when the issuer is away for longer than `outageGrace`
   */
  async fresh(session: LoginSession): Promise<LoginSession> {
    const now = this.#now()
    if (session.refreshFrom === null || now < session.refreshFrom) return session
    const key = `${session.id}.${session.generation}`
    try {
      const known = this.#refreshed.get(key)
      if (known === undefined && now < this.#pausedUntil) throw authUnavailable()
      return await (known ?? this.#begin(key, session))
    } catch (error) {
      if ((error as { code?: string }).code !== 'GW_AUTH_UNAVAILABLE') throw error
      if (now < session.freshUntil! + this.#grace) return session
      throw error
    }
  }

  /** One refresh for all concurrent requests with the session. */
  #begin(key: string, session: LoginSession): Promise<LoginSession> {
    const refresh = (): Promise<LoginSession> => this.#refresh(session)
    const refreshed = this.#shared === undefined ? refresh() : this.#shared.once(key, refresh)
    this.#refreshed.set(key, refreshed)
    refreshed
      .then(() => {
        setTimeout(() => this.#refreshed.delete(key), REMEMBERED).unref()
      })
      .catch((error: { code?: string }) => {
        this.#refreshed.delete(key)
        if (error.code === 'GW_AUTH_UNAVAILABLE') this.#pausedUntil = this.#now() + PAUSE
      })
    return refreshed
  }

  async #refresh(session: LoginSession): Promise<LoginSession> {
    const answer = await this.#issuer.refresh(session.refreshToken!, session.consumer.claims.sub as string)
    const consumer =
      answer.claims === null ? session.consumer : (this.#consumerOf(answer.claims, answer.scope) ?? session.consumer)
    const freshness = this.#freshness(answer, session.refreshToken)
    return { ...session, generation: session.generation + 1, consumer, ...freshness }
  }

  #freshness(
    { refreshToken, expiresIn }: IssuerAnswer,
    earlier: string | null,
  ): Pick<LoginSession, 'refreshToken' | 'refreshFrom' | 'freshUntil'> {
    const token = refreshToken ?? earlier
    if (token === null || expiresIn === undefined) return { refreshToken: null, refreshFrom: null, freshUntil: null }
    const now = this.#now()
    return { refreshToken: token, refreshFrom: now + expiresIn * 1000 * REFRESH_AT, freshUntil: now + expiresIn * 1000 }
  }
}

const PREFIX = '{gatehouse}:session-refresh:'
/** The value in Redis while a gateway refreshes. */
const PENDING = '-'
/** Milliseconds after which the refresh of a gateway that has crashed is given up. */
const PENDING_MS = 15_000
/** Milliseconds between two polls for the result of another gateway, and for all polls together. */
const POLL_MS = 50
const LONGEST_POLLING_MS = 10_000

/** The part of a Redis client that is used. */
export interface RefreshRedis {
  status: string
  get(key: string): Promise<string | null>
  set(key: string, value: string, unit: 'PX', milliseconds: number, condition: 'NX'): Promise<unknown>
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>
  del(key: string): Promise<unknown>
}

/**
 * Lets only one of several gateways refresh a session: issuers treat a second use of a refresh token as theft, and end
 * the session. The refreshed session is kept in Redis for a while, encrypted, for requests with the old cookie.
 */
export class SharedRefresh {
  readonly #redis: () => RefreshRedis | null
  readonly #seal: Pick<SessionSeal, 'seal' | 'open'>
  readonly #keptMs: number
  readonly #pause: (ms: number) => Promise<void>

  /**
   * @param redis   the client; null until it exists. While Redis is away each gateway refreshes by itself
   * @param keptMs  how long a refreshed session is kept for the others, in milliseconds
   */
  constructor(
    redis: () => RefreshRedis | null,
    seal: Pick<SessionSeal, 'seal' | 'open'>,
    keptMs: number,
    pause = timer,
  ) {
    this.#redis = redis
    this.#seal = seal
    this.#keptMs = keptMs
    this.#pause = pause
  }

  /**
   * The refreshed session, from another gateway or from `refresh`.
   * @param key  of the session before the refresh
   */
  async once(key: string, refresh: () => Promise<LoginSession>): Promise<LoginSession> {
    const redis = this.#redis()
    if (redis?.status !== 'ready') return refresh()
    const name = PREFIX + key
    let isOurs: boolean
    try {
      isOurs = (await redis.set(name, PENDING, 'PX', PENDING_MS, 'NX')) !== null
    } catch {
      return refresh()
    }
    if (!isOurs) return (await this.#awaited(redis, name)) ?? refresh()
    try {
      const session = await refresh()
      redis.set(name, this.#seal.seal(session), 'PX', this.#keptMs).catch(() => {})
      return session
    } catch (error) {
      redis.del(name).catch(() => {})
      throw error
    }
  }

  /** The session that another gateway has refreshed; null when it fails or takes too long, or Redis is away. */
  async #awaited(redis: RefreshRedis, name: string): Promise<LoginSession | null> {
    for (let waited = 0; waited < LONGEST_POLLING_MS; waited += POLL_MS) {
      const text = await redis.get(name).catch(() => null)
      if (text !== PENDING) return text === null ? null : this.#seal.open(text)
      await this.#pause(POLL_MS)
    }
    return null
  }
}

const timer = (ms: number): Promise<void> => delay(ms, undefined, { ref: false })
