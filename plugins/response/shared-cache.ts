import fp from 'fastify-plugin'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { RedisPurgeChannel } from '../../src/cache/redis-purge-channel.ts'
import { RedisResponseStore } from '../../src/cache/redis-response-store.ts'
import { TieredStore } from '../../src/cache/tiered-store.ts'
import { BootProblems } from '../../src/errors.ts'
import { bytes } from '../../src/units.ts'

/** Keeps the responses of the cache in Redis too, where the configuration says so. */
export default fp(async (app) => {
  const { memory, redis } = app.config.cache
  if (redis) {
    if (app.redis === null) throw new BootProblems([{ file: 'configuration', field: 'cache.redis', message: "found true without a Redis, allowed: true beside 'redis: redis://...', or false" }])
    app.responseCache.store = new TieredStore(new MemoryStore(bytes(memory)), new RedisResponseStore(app.redis), new RedisPurgeChannel(app.redis))
  }
  app.addHook('onClose', async () => { await app.responseCache.store.close() })
}, { name: 'shared-cache', dependencies: ['rate-limit'] })
