import type { LoginSession, SessionSeal } from './login-session.ts'

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
