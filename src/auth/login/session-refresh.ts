import { milliseconds } from '../../units.ts'
import { authUnavailable } from '../challenge.ts'
import type { Consumer } from '../auth-schema.ts'
import type { IssuerAnswer, LoginIssuer } from './login-issuer.ts'
import type { LoginSettings } from './login-schema.ts'
import { consumerReader, type LoginSession, unguessable, type SessionSeal } from './login-session.ts'

/** A session is refreshed when so much of the time for which the issuer vouches has passed. */
const REFRESH_AT = 0.8
/**
 * Milliseconds for which requests that still bring the session of before get the refreshed one: its refresh token is
 * used up.
 */
export const REMEMBERED = 60_000
/** Milliseconds after a failure in which the issuer is not asked again. */
const PAUSE = 5000

/** Makes sessions of what the issuer says, and keeps them fresh. */
export class SessionRefresh {
  readonly #issuer: Pick<LoginIssuer, 'refresh'>
  readonly #consumerOf: (claims: Record<string, unknown>, scope: string) => Consumer | null
  readonly #grace: number
  readonly #now: () => number
  readonly #shared: SharedRefresh | undefined
  readonly #refreshed = new Map<string, Promise<LoginSession>>()
  #pausedUntil = -Infinity

  /** @param shared  lets one of several gateways refresh; absent when each does for itself */
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

  /** @returns null when the claims name nobody */
  begin(answer: IssuerAnswer): LoginSession | null {
    const now = this.#now()
    const consumer = this.#consumerOf(answer.claims!, answer.scope)
    return (
      consumer && {
        id: unguessable(),
        generation: 0,
        started: now,
        used: now,
        consumer,
        ...this.#freshness(answer, null),
      }
    )
  }

  /**
   * A session that the issuer vouches for, which is the one given as long as it does.
   * @throws SessionOver, or GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say for longer than the grace
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

  /** One refresh for all requests that come with the session meanwhile. */
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
    return {
      ...session,
      generation: session.generation + 1,
      consumer,
      ...this.#freshness(answer, session.refreshToken),
    }
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
/** What stands in Redis while a gateway refreshes. */
const PENDING = '-'
/** Milliseconds for which a gateway that crashes holds the others up. */
const PENDING_MS = 15_000
/** Milliseconds between two looks at what another gateway does, and for all looks together. */
const LOOK_MS = 50
const PATIENCE_MS = 10_000

/** What is needed of a Redis client. */
export interface RefreshRedis {
  status: string
  get(key: string): Promise<string | null>
  set(key: string, value: string, unit: 'PX', milliseconds: number, condition: 'NX'): Promise<unknown>
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>
  del(key: string): Promise<unknown>
}

/**
 * Lets one of several gateways refresh a session. Issuers give each refresh token one use, and take a second use for a
 * theft: they end the session. What comes of the refresh stands in Redis for a while, sealed, for requests that still
 * bring the session of before.
 */
export class SharedRefresh {
  readonly #redis: () => RefreshRedis | null
  readonly #seal: Pick<SessionSeal, 'seal' | 'open'>
  readonly #keptMs: number
  readonly #pause: (ms: number) => Promise<void>

  /**
   * @param redis   the client; null as long as there is none. While Redis is away each gateway refreshes by itself
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
   * The refreshed session: another gateway's, or what `refresh` makes.
   * @param key  of the session as it is before
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

  /** What another gateway has made; null when it has failed, takes too long, or cannot be asked any more. */
  async #awaited(redis: RefreshRedis, name: string): Promise<LoginSession | null> {
    for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
      const text = await redis.get(name).catch(() => null)
      if (text !== PENDING) return text === null ? null : this.#seal.open(text)
      await this.#pause(LOOK_MS)
    }
    return null
  }
}

const timer = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
