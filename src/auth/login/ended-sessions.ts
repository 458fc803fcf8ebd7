import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { readyClient } from '../../redis/ready-client.ts'
import { ExpiringCache } from '../expiring-cache.ts'

/** Most ended sessions that are remembered in memory. */
const REMEMBERED = 100_000
/** Most sessions that are remembered as not ended according to Redis, and for how long, in milliseconds. */
const ALIVE = 10_000
const ALIVE_MS = 5000
const PREFIX = '{gatehouse}:ended-session:'

/** The part of a Redis client that is used. */
export interface EndedSessionsRedis {
  status: string
  connect(): Promise<unknown>
  exists(key: string): Promise<number>
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>
}

export interface EndedSessionsOptions {
  /** The client; null until it exists. Absent when sessions are not shared. */
  redis?: () => EndedSessionsRedis | null
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds since 1970. */
  now?: () => number
}

/**
 * Remembers sessions after a logout, until they would have expired anyway: a session lives in a cookie, so a copy of it
 * would otherwise keep working. With Redis, gateways share them. While it is away unknown sessions are accepted, and
 * logouts are written once it is back.
 */
export class EndedSessions {
  readonly #options: EndedSessionsOptions
  readonly #now: () => number
  /** Session id to the time when the session would have expired. */
  readonly #ended = new Map<string, number>()
  readonly #alive: ExpiringCache<true>
  /** One lookup for all concurrent requests with a session. */
  readonly #asked = new Map<string, Promise<boolean>>()
  /** Logouts that are not in Redis yet. */
  readonly #unwritten = new Set<string>()
  #isAway = false
  #isFull = false

  constructor(options: EndedSessionsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#alive = new ExpiringCache(ALIVE, this.#now)
  }

  /** @param until  when the session would have expired, in milliseconds since 1970 */
  end(id: string, until: number): void {
    if (until <= this.#now()) return
    this.#remember(id, until)
    if (this.#options.redis === undefined) return
    this.#unwritten.add(id)
    this.#write()
  }

  /** Whether this process knows that the session has ended. */
  knows(id: string): boolean {
    const until = this.#ended.get(id)
    return until !== undefined && this.#now() < until
  }

  /**
   * Whether the session has ended, here or at another gateway.
   * @param until  when it would expire
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
      else this.#alive.set(id, true, at + ALIVE_MS)
      return isEnded || this.knows(id)
    } catch (error) {
      this.#failed(error)
      return this.knows(id)
    }
  }

  /** Writes the logouts that are not in Redis yet; failed ones are written later. */
  #write(): void {
    let redis: EndedSessionsRedis
    try {
      redis = this.#ready()
    } catch (error) {
      return this.#failed(error)
    }
    for (const id of this.#unwritten) {
      this.#unwritten.delete(id)
      const left = (this.#ended.get(id) ?? 0) - this.#now()
      if (left <= 0) continue
      redis.set(PREFIX + id, '1', 'PX', left).catch((error: unknown) => {
        this.#unwritten.add(id)
        this.#failed(error)
      })
    }
  }

  #ready(): EndedSessionsRedis {
    return readyClient(this.#options.redis!())
  }

  #remember(id: string, until: number): void {
    const now = this.#now()
    for (const [oldest, end] of this.#ended) {
      if (end > now && this.#ended.size < REMEMBERED) break
      this.#ended.delete(oldest)
      this.#unwritten.delete(oldest)
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
    if (this.#unwritten.size > 0) this.#write()
  }
}
