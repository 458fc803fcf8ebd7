import fp from 'fastify-plugin'
import { Redis } from 'ioredis'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { PurgeChannel } from '../../src/cache/purge-channel.ts'
import { RedisCacheStore } from '../../src/cache/redis-cache-store.ts'
import { TieredStore } from '../../src/cache/tiered-store.ts'
import { connectRedis, watchSilence } from '../../src/redis/redis-client.ts'

/** Stores responses in Redis as well as in memory, with `cache.redis`. */
export default fp(
  async (app) => {
    const { config, responseCache } = app
    if (!config.cache.redis) return
    const { store } = responseCache
    if (config.redis === undefined) {
      app.bootProblems.push({
        file: 'configuration',
        field: 'cache.redis',
        message:
          "found true, but there is no Redis to keep responses in, allowed: true together with 'redis', the URL of one; or false",
      })
      return
    }
    if (!(store instanceof MemoryStore)) throw new Error('the responses are shared already')
    // own connections: bodies would delay the limits, and a subscriber cannot send commands
    const { client, close } = connectRedis(config.redis, app.log, {
      away: 'responses are kept in memory alone until it is back',
      back: 'responses are shared again',
    })
    const subscriber = client instanceof Redis ? client.duplicate() : client
    if (subscriber !== client) {
      watchSilence(subscriber)
      // the other connection logs it
      subscriber.on('error', () => {})
    }
    const connect = (): void => {
      for (const each of new Set([client, subscriber])) if (each.status === 'wait') each.connect().catch(() => {})
    }
    const { now } = responseCache
    const channel = new PurgeChannel(client, subscriber)
    const shared = new TieredStore(store, new RedisCacheStore(client, now, channel), channel, {
      now,
      onError: (error, operation) => {
        responseCache.failed(error, operation)
      },
      onPurge: (purge) => {
        responseCache.notePurge(purge)
      },
    })
    responseCache.store = shared
    // not at boot: commands that only read the configuration need no Redis, and a gateway serves without it
    app.addHook('onListen', async () => {
      connect()
    })
    app.addHook('onClose', async () => {
      await shared.close()
      subscriber.disconnect()
      close()
    })
  },
  { name: 'shared-cache', dependencies: ['metrics'] },
)
