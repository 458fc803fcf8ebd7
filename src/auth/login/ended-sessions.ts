import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { ExpiringCache } from '../expiring-cache.ts'

/** Most sessions that have ended and are remembered in memory. */
const REMEMBERED = 100_000
/**
 * Most sessions of which it is remembered that they had not ended, and for how long that is believed, in milliseconds.
 */
const ALIVE = 10_000
const BELIEVED = 5000
const PREFIX = '{gatehouse}:ended-session:'

/** What is needed of a Redis client. */
export interface EndedSessionsRedis {
  status: string
  connect(): Promise<unknown>
  exists(key: string): Promise<number>
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>
}

export interface EndedSessionsOptions {
  /** The client; null as long as there is none. Absent when each gateway remembers for itself. */
  redis?: () => EndedSessionsRedis | null
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds since 1970. */
  now?: () => number
}

/**
 * Sessions that somebody has logged out of, each until it would have ended anyway: browsers keep sessions, so a copy of
 * one would go on working. With Redis, gateways share them. While it is away a session of which nothing is
 * known goes on, and logouts are written once Redis is back.
 */
export class EndedSessions {
  readonly #options: EndedSessionsOptions
  readonly #now: () => number
  /** Until when each session would have lasted. */
  readonly #ended = new Map<string, number>()
  readonly #alive: ExpiringCache<true>
  /** One question for all requests that bring a session at the same time. */
  readonly #asked = new Map<string, Promise<boolean>>()
  /** Logouts that Redis does not know of yet. */
  readonly #owed = new Set<string>()
  #isAway = false
  #isFull = false

  constructor(options: EndedSessionsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#alive = new ExpiringCache(ALIVE, this.#now)
  }

  /** @param until  when the session would have ended anyway, in milliseconds since 1970 */
  end(id: string, until: number): void {
    if (until <= this.#now()) return
    this.#remember(id, until)
    if (this.#options.redis === undefined) return
    this.#owed.add(id)
    this.#write()
  }

  /** Whether this process knows that the session has ended. */
  knows(id: string): boolean {
    const until = this.#ended.get(id)
    return until !== undefined && this.#now() < until
  }

  /**
   * Whether the session has ended, here or at another gateway.
   * @param until  when it would end anyway
   * @returns a promise only when Redis has to be asked
   */
  has(id: string, until: number): boolean | Promise<boolean> {
    if (this.knows(id)) return true
    if (this.#options.redis === undefined || this.#alive.get(id)) return false
    let asked = this.#asked.get(id)
    if (asked === undefined) {
      asked = this.#ask(id, until).finally(() => this.#asked.delete(id))
      this.#asked.set(id, asked)
    }
    return asked
  }

  async #ask(id: string, until: number): Promise<boolean> {
    const at = this.#now()
    try {
      const isEnded = (await this.#ready().exists(PREFIX + id)) === 1
      this.#isBack()
      if (isEnded) this.#remember(id, until)
      else this.#alive.set(id, true, at + BELIEVED)
      return isEnded || this.knows(id)
    } catch (error) {
      this.#failed(error)
      return this.knows(id)
    }
  }

  /** Writes what Redis does not know yet; what fails stays to be written. */
  #write(): void {
    let redis: EndedSessionsRedis
    try {
      redis = this.#ready()
    } catch (error) {
      return this.#failed(error)
    }
    for (const id of this.#owed) {
      this.#owed.delete(id)
      const left = (this.#ended.get(id) ?? 0) - this.#now()
      if (left <= 0) continue
      redis.set(PREFIX + id, '1', 'PX', left).catch((error: unknown) => {
        this.#owed.add(id)
        this.#failed(error)
      })
    }
  }

  #ready(): EndedSessionsRedis {
    const redis = this.#options.redis!()
    if (redis?.status === 'wait') redis.connect().catch(() => {})
    // the client would say the same, with a stack that nobody reads
    if (redis?.status !== 'ready') throw AWAY
    return redis
  }

  #remember(id: string, until: number): void {
    const now = this.#now()
    for (const [oldest, end] of this.#ended) {
      if (end > now && this.#ended.size < REMEMBERED) break
      this.#ended.delete(oldest)
      this.#owed.delete(oldest)
      if (end > now) this.#warnOnce()
    }
    this.#ended.set(id, until)
  }

  #warnOnce(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.#options.log.warn(
      { most: REMEMBERED },
      'too many logouts to remember: copies of the oldest ended sessions work again',
    )
  }

  #failed(error: unknown): void {
    if (this.#isAway) return
    this.#isAway = true
    this.#options.log.error(
      { reason: reasonOf(error) },
      'Redis is away: gateways learn of logouts at others once it is back',
    )
  }

  #isBack(): void {
    if (this.#isAway) this.#options.log.info('gateways learn of logouts at others again')
    this.#isAway = false
    if (this.#owed.size > 0) this.#write()
  }
}

const AWAY = new Error('Redis is away')
