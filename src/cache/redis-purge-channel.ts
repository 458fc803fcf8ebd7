import type { Cluster, Redis } from 'ioredis'
import type { PurgeChannel } from './tiered-store.ts'

const CHANNEL = 'gatehouse:cache:purge'

/** Purges over the publish and subscribe of Redis. It subscribes with the first use of the connection that it is made from. */
export class RedisPurgeChannel implements PurgeChannel {
  readonly #client: Redis | Cluster
  #subscriber: Redis | Cluster | null = null
  #closed = false

  constructor (client: Redis | Cluster) {
    this.#client = client
  }

  publish (message: string): Promise<unknown> { return this.#client.publish(CHANNEL, message) }

  listen (onMessage: (message: string) => void, onGap: () => void): void {
    const begin = (): void => {
      if (this.#closed || this.#subscriber !== null) return
      // silence is nothing to close this connection for, and what is subscribed to is so again after each reconnection
      const options = { commandTimeout: undefined, socketTimeout: undefined, autoResubscribe: true, enableOfflineQueue: true, lazyConnect: false }
      const subscriber = this.#subscriber = 'nodes' in this.#client ? this.#client.duplicate([], { redisOptions: options, lazyConnect: false, enableOfflineQueue: true }) : this.#client.duplicate(options)
      subscriber.on('error', () => {})
      subscriber.on('close', onGap)
      subscriber.on('ready', onGap)
      subscriber.on('message', (_channel: string, message: string) => onMessage(message))
      subscriber.subscribe(CHANNEL).catch(() => {})
    }
    if (this.#client.status === 'ready') begin()
    else this.#client.once('ready', begin)
  }

  close (): void {
    this.#closed = true
    this.#subscriber?.disconnect()
  }
}
