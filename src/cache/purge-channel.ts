import { randomUUID } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Purge } from './cache-store.ts'
import { PREFIX } from './purge-index.ts'
import { TELL } from './redis-cache-script.ts'

/** What others are told of a purge. */
export type PurgeNews = Omit<Purge, 'now'>

/** How far this process has heard of the purges of all, by their numbers. */
export interface HeardPurges {
  /** The number of the last purge; null while it is unknown, so that nothing may be stored. */
  readonly heard: number | null
  /** Waits for a moment until the purge of a number was heard. @returns whether it was */
  caughtUp(number: number): Promise<boolean>
}

/** Tells the purges of all processes to all. */
export interface PurgeFeed extends Pick<HeardPurges, 'heard'> {
  /**
   * @param onPurge  another process has purged
   * @param onGap    some purges may have been missed
   */
  listen(onPurge: (purge: PurgeNews) => void, onGap: () => void): void
  publish(purge: PurgeNews): Promise<void>
  close(): void
}

/** Where purges are told. */
export const CHANNEL = 'gatehouse:cache:purge'
/** How many purges there have been. */
export const COUNTER = `${PREFIX}purges`
/** Milliseconds between two looks at the counter. */
const PERIOD = 2000
const LONGEST_MESSAGE = 64 * 1024
/** Milliseconds that `caughtUp` waits: messages need a fraction of that. */
const CATCH_UP = 1000

const What = Type.String({ maxLength: 32 * 1024 })
const options = { additionalProperties: false }
const From = { from: Type.String({ maxLength: 100 }), soft: Type.Boolean() }
const messages = Compile(
  Type.Union([
    Type.Object({ ...From, url: What }, options),
    Type.Object({ ...From, prefix: What }, options),
    Type.Object({ ...From, tag: What }, options),
  ]),
)

type TellingRedis = (Redis | Cluster) & { gatehouseCacheTell(keys: 1, ...words: string[]): Promise<number> }

/**
 * Purges over the publish and subscribe of Redis, which loses what is said while nobody listens. So each purge has a
 * number, and whoever misses one, by the next message or by the counter itself, takes it for a gap. This holds for a
 * cluster too, where the subscription moves between nodes without a word.
 */
export class PurgeChannel implements PurgeFeed, HeardPurges {
  readonly #id = randomUUID()
  readonly #redis: TellingRedis
  readonly #subscriber: Redis | Cluster
  #timer: NodeJS.Timeout | undefined
  /** Number of the last purge that is known; null when that is yet to be asked. */
  #last: number | null = null
  /** What the counter said when it was last looked at. */
  #counted = 0
  #isSubscribed = false
  #onGap = (): void => {}
  /** Those who wait for the purge of a number. */
  readonly #waiting = new Set<{ number: number; caughtUp: () => void }>()

  /**
   * @param subscriber  for the subscription alone, unless it is a cluster, which has a connection for that. Both belong
   *   to the caller
   */
  constructor(redis: Redis | Cluster, subscriber: Redis | Cluster) {
    redis.defineCommand('gatehouseCacheTell', { lua: TELL })
    this.#redis = redis as TellingRedis
    this.#subscriber = subscriber
  }

  listen(onPurge: (purge: PurgeNews) => void, onGap: () => void): void {
    this.#onGap = onGap
    this.#subscriber.on('message', (channel: string, text: string) => {
      if (channel === CHANNEL) this.#hear(text, onPurge)
    })
    this.#subscriber.on('close', () => {
      this.#isSubscribed = false
    })
    this.#subscriber.on('ready', () => {
      this.#subscribe()
    })
    this.#timer = setInterval(() => {
      this.#look().catch(() => {})
    }, PERIOD).unref()
    if (this.#subscriber.status === 'ready') this.#subscribe()
  }

  async publish({ soft, ...what }: PurgeNews): Promise<void> {
    const number = await this.#redis.gatehouseCacheTell(
      1,
      COUNTER,
      CHANNEL,
      JSON.stringify({ from: this.#id, soft, ...what }),
    )
    if (!Number.isSafeInteger(number)) throw new Error('the counter of purges is broken')
  }

  close(): void {
    clearInterval(this.#timer)
  }

  get heard(): number | null {
    return this.#isSubscribed ? this.#last : null
  }

  async caughtUp(number: number): Promise<boolean> {
    if (this.heard !== null && this.heard >= number) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiting = { number, caughtUp: () => resolve(true) }
    this.#waiting.add(waiting)
    const timer = setTimeout(() => resolve(false), CATCH_UP).unref()
    return promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(waiting)
    })
  }

  #subscribe(): void {
    this.#subscriber
      .subscribe(CHANNEL)
      .then(() => {
        this.#isSubscribed = true
        this.#missed(null)
        return this.#look()
      })
      .catch(() => {})
  }

  /** Takes note of a number, after what it is about has been told. */
  #heard(number: number): void {
    this.#last = number
    for (const waiting of this.#waiting) if (number >= waiting.number) waiting.caughtUp()
  }

  /** A message is the number of the purge, and what it is about. */
  #hear(text: string, onPurge: (purge: PurgeNews) => void): void {
    const [, numberText, body] = text.length > LONGEST_MESSAGE ? [] : (/^(\d{1,15}) (\{.*\})$/s.exec(text) ?? [])
    let message: unknown
    try {
      message = JSON.parse(body ?? '')
    } catch {
      return
    }
    if (!messages.Check(message)) return
    const { from, ...purge } = message
    const number = Number(numberText)
    if (this.#last !== null && number !== this.#last + 1) return this.#missed(number)
    if (from !== this.#id) onPurge(purge)
    // before the first look at the counter nothing is known of earlier purges
    if (this.#last !== null) this.#heard(number)
  }

  /** Whether there was a purge of which nothing was heard. */
  async #look(): Promise<void> {
    if (this.#subscriber.status !== 'ready') return
    // no answer at all is how a connection shows that nobody is at its other end
    if (!this.#isSubscribed) return this.#subscribe()
    if (this.#redis !== this.#subscriber) this.#subscriber.ping().catch(() => {})
    const text = await this.#redis.get(COUNTER).catch(() => undefined)
    if (text === undefined) return
    const counted = /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0
    // a purge with this or an earlier number may have been told before the subscription
    if (this.#last === null) this.#missed(counted)
    // the message to a number may yet be on its way, but not from one look to the next
    else if (counted < this.#last || (this.#counted > this.#last && counted >= this.#counted)) this.#missed(counted)
    this.#counted = counted
  }

  #missed(last: number | null): void {
    this.#onGap()
    if (last === null) this.#last = null
    else this.#heard(last)
  }
}
