import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'

/** How long a command may take, in milliseconds, before the request goes on without it. */
const COMMAND_TIMEOUT = 100
const LONGEST_RETRY = 2000

/**
 * A connection to Redis that never holds a request up: while Redis is away commands fail at once, and it is
 * connected again in the background. The log tells once when it is lost, and once when it is back.
 */
export function connectRedis (url: string, log: FastifyBaseLogger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(100 * attempt, LONGEST_RETRY),
  })
  let away = false
  redis.on('error', (error: Error) => {
    if (!away) log.error({ err: error }, 'Redis is away: limits are not counted until it is back')
    away = true
  })
  redis.on('ready', () => {
    if (away) log.info('Redis is back')
    away = false
  })
  return redis
}
