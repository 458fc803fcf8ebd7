import type { FastifyBaseLogger } from 'fastify'
import { connectRedis, type RedisConnection } from '../redis/redis-client.ts'
import type { RedisSettings } from '../redis/redis-schema.ts'
import { RedisStore } from './redis-store.ts'

/** A connection to Redis, and the store that counts limits over it. */
export interface RedisLimits extends RedisConnection {
  store: RedisStore
}

/**
 * Prepares both; the connection is made with `client.connect()`. Loaded only with `redis`, since the client is a large
 * package.
 */
export function redisLimits(settings: RedisSettings, log: FastifyBaseLogger): RedisLimits {
  const { client, close } = connectRedis(settings, log)
  const store = new RedisStore(client, {
    onError: ({ message }) =>
      log.error(
        { reason: message },
        'Redis answers errors: each gateway counts limits by itself until it does no more',
      ),
  })
  return {
    client,
    store,
    close() {
      store.close()
      close()
    },
  }
}
