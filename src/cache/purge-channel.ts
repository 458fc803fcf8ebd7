import { randomUUID } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Purge } from './purge.ts'
import { PREFIX } from './purge-index.ts'
import { PUBLISH } from './redis-cache-script.ts'

/** Which purges this process has received. Purges are numbered across all processes. */
export interface HeardPurges {
  /** The number of the last purge received; null while it is unknown: nothing may be stored. */
  readonly heard: number | null
  /** Waits up to a second for the purge with a number. @returns whether it was received */
  caughtUp(number: number): Promise<boolean>
}

/** Sends the purges of each process to all others. */
export interface PurgeFeed extends Pick<HeardPurges, 'heard'> {
  /**
   * @param onPurge  another process has purged
   * @param onGap    some purges may have been missed
   */
  listen(onPurge: (purge: Purge) => void, onGap: () => void): void
  publish(purge: Purge): Promise<void>
  close(): void
}

/** The Redis channel of the purges. */
export const CHANNEL = 'gatehouse:cache:purge'
/** The Redis key that counts all purges. */
export const COUNTER = `${PREFIX}purges`
/** Milliseconds between two reads of the counter. */
const PERIOD = 2000
const LONGEST_MESSAGE = 64 * 1024
/** Milliseconds that `caughtUp` waits. Messages need a fraction of that. */
const CATCH_UP = 1000

const What = Type.Optional(Type.String({ maxLength: 32 * 1024 }))
/** `from` is the id of the sender; with it come `soft` and exactly one of the others. */
const messages = Compile(
  Type.Object(
    { from: Type.String({ maxLength: 100 }), soft: Type.Boolean(), url: What, prefix: What, tag: What },
    { additionalProperties: false, minProperties: 3, maxProperties: 3 },
  ),
)

type PublishingRedis = (Redis | Cluster) & { gatehouseCachePublish(keys: 1, ...words: string[]): Promise<number> }

/**
 * Purges over publish and subscribe of Redis, which loses messages while a process is not subscribed. Each purge has a
 * number, so a process detects a missed one by the next message, or by the counter. This also works in a cluster, where
 * the subscription can move to another node unnoticed.
 */
export class PurgeChannel implements PurgeFeed, HeardPurges {
  readonly #id = randomUUID()
  readonly #redis: PublishingRedis
  readonly #subscriber: Redis | Cluster
  #timer: NodeJS.Timeout | undefined
  /** Number of the last known purge; null until the counter has been read. */
  #last: number | null = null
  /** The counter when it was last read. */
  #counted = 0
  #isSubscribed = false
  #onGap = (): void => {}
  /** Pending calls of `caughtUp`. */
  readonly #waiting = new Set<{ number: number; caughtUp: () => void }>()

  /**
   * @param subscriber  a connection for the subscription alone; a cluster client may be the same, since it has its own.
   *   The caller closes both
   */
  constructor(redis: Redis | Cluster, subscriber: Redis | Cluster) {
    redis.defineCommand('gatehouseCachePublish', { lua: PUBLISH })
    this.#redis = redis as PublishingRedis
    this.#subscriber = subscriber
  }

  listen(onPurge: (purge: Purge) => void, onGap: () => void): void {
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
      this.#checkCounter().catch(() => {})
    }, PERIOD).unref()
    if (this.#subscriber.status === 'ready') this.#subscribe()
  }

  async publish({ soft, ...what }: Purge): Promise<void> {
    const message = JSON.stringify({ from: this.#id, soft, ...what })
    const number = await this.#redis.gatehouseCachePublish(1, COUNTER, CHANNEL, message)
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
        return this.#checkCounter()
      })
      .catch(() => {})
  }

  /** Advances to a number, once its purge has been passed on. */
  #heard(number: number): void {
    this.#last = number
    for (const waiting of this.#waiting) if (number >= waiting.number) waiting.caughtUp()
  }

  /** A message consists of the number of the purge and its JSON. */
  #hear(text: string, onPurge: (purge: Purge) => void): void {
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
    // before the counter was read, earlier purges are unknown
    if (this.#last !== null) this.#heard(number)
  }

  /** Compares the counter with the purges received. */
  async #checkCounter(): Promise<void> {
    if (this.#subscriber.status !== 'ready') return
    // detects a dead connection: the ping gets no answer
    if (!this.#isSubscribed) return this.#subscribe()
    if (this.#redis !== this.#subscriber) this.#subscriber.ping().catch(() => {})
    const text = await this.#redis.get(COUNTER).catch(() => undefined)
    if (text === undefined) return
    const counted = /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0
    // purges up to this number may have been published before the subscription
    if (this.#last === null) this.#missed(counted)
    // the message of a counted purge may still be in flight, but not for a whole period
    else if (counted < this.#last || (this.#counted > this.#last && counted >= this.#counted)) this.#missed(counted)
    this.#counted = counted
  }

  #missed(last: number | null): void {
    this.#onGap()
    if (last === null) this.#last = null
    else this.#heard(last)
  }
}
