import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'

/** How long a command may take, in milliseconds, before the request goes on without it. */
const COMMAND_TIMEOUT = 100
/** Milliseconds without a word from a Redis that was asked something, after which it counts as gone. */
const SILENCE = 1000
const CONNECT_TIMEOUT = 2000
const LONGEST_RETRY = 2000

/** A connection, and the way to end it for good. */
export interface RedisConnection {
  client: Redis
  close (): void
}

/**
 * A connection to Redis that never holds a request up: it is made with the first command or with `client.connect()`, while
 * Redis is away commands fail at once, and it is made again in the background. The log tells once when it is lost,
 * and once when it is back.
 * @param url  `redis://` or `rediss://`; it may hold a password, so no message shows it
 */
export function connectRedis (url: string, log: FastifyBaseLogger): RedisConnection {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT,
    socketTimeout: SILENCE,
    connectTimeout: CONNECT_TIMEOUT,
    maxRetriesPerRequest: 0,
    // a count that its request did not wait for is not made up for
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => Math.min(100 * attempt, LONGEST_RETRY),
  })
  let closing = false
  let away = false
  const lost = (reason: string): void => {
    if (!away && !closing) log.error({ reason }, 'Redis is away: limits are not counted until it is back')
    away = true
  }
  // the message alone: the error itself may carry the command, and with it the password
  client.on('error', (error: Error & { code?: string }) => lost(error.message || error.code || error.name))
  client.on('close', () => lost('the connection was closed'))
  client.on('ready', () => {
    if (away) log.info('Redis is back: limits are counted again')
    away = false
  })
  return {
    client,
    close () {
      closing = true
      client.disconnect()
    },
  }
}
