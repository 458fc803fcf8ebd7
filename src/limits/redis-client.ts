import type { FastifyBaseLogger } from 'fastify'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { BootProblems } from '../errors.ts'
import type { RedisSettings } from './redis-schema.ts'

/** How long a command may take, in milliseconds, before the request goes on without it. */
const COMMAND_TIMEOUT = 100
/** Milliseconds without a word from a Redis that was asked something, after which it counts as gone. */
const SILENCE = 1000
const CONNECT_TIMEOUT = 2000
/** Longest pause between two attempts: short enough to be back within two seconds. */
const LONGEST_RETRY = 500

const retry = (attempt: number): number => Math.min(100 * attempt, LONGEST_RETRY)

const OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  connectTimeout: CONNECT_TIMEOUT,
  maxRetriesPerRequest: 0,
  // a count that its request did not wait for is not made up for
  autoResendUnfulfilledCommands: false,
  retryStrategy: retry,
  sentinelRetryStrategy: retry,
  // a Redis that was demoted to a replica; the new connection goes to the one that took its place
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
}

/** A connection, and the way to end it for good. */
export interface RedisConnection {
  client: Redis | Cluster
  close (): void
}

/** What is not done while Redis is away, and is done again once it is back; for the log. */
interface Consequence { away: string, back: string }
const LIMITS: Consequence = { away: 'limits are not counted until it is back', back: 'limits are counted again' }

/**
 * A connection to Redis that never holds a request up: it is made with the first command or with `client.connect()`, while
 * Redis is away commands fail at once, and it is made again in the background. The log tells once when it is lost,
 * and once when it is back.
 * @param settings  they may hold passwords, so no message shows them
 * @param patience  milliseconds that a command may take; by default 100, as a request waits for it
 */
export function connectRedis (settings: RedisSettings, log: FastifyBaseLogger, means: Consequence = LIMITS, patience = COMMAND_TIMEOUT): RedisConnection {
  const client = clientOf(settings, { ...OPTIONS, commandTimeout: patience, socketTimeout: Math.max(SILENCE, patience) })
  let closing = false
  let away = false
  const lost = (reason: string): void => {
    if (!away && !closing) log.error({ reason }, `Redis is away: ${means.away}`)
    away = true
  }
  // the message alone: the error itself may carry the command, and with it the password
  client.on('error', (error: Error & { code?: string }) => lost(error.message || error.code || error.name))
  client.on('close', () => lost('the connection was closed'))
  client.on('ready', () => {
    if (away) log.info(`Redis is back: ${means.back}`)
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

function clientOf (settings: RedisSettings, options: RedisOptions): Redis | Cluster {
  if (typeof settings === 'string') {
    addressOf(settings, 6379)
    return new Redis(settings, options)
  }
  if ('cluster' in settings) {
    const addresses = settings.cluster.map((url) => addressOf(url, 6379))
    const { username, password, tls } = addresses[0]!
    // how and when the nodes are connected to is the cluster's business; what waits for that does so for a command's time at most
    const { lazyConnect, retryStrategy: _, enableOfflineQueue, ...redisOptions } = options
    return new Cluster(addresses.map(({ host, port }) => ({ host, port })), {
      lazyConnect, enableOfflineQueue, clusterRetryStrategy: retry, redisOptions: { ...redisOptions, username, password, tls },
    })
  }
  const { sentinels, name, username, password, db } = settings
  const addresses = sentinels.map((url) => addressOf(url, 26379))
  const { tls, username: sentinelUsername, password: sentinelPassword } = addresses[0]!
  return new Redis({
    ...options, sentinels: addresses.map(({ host, port }) => ({ host, port })), name, username, password, db,
    sentinelUsername, sentinelPassword, tls, sentinelTLS: tls, enableTLSForSentinelMode: tls !== undefined,
  })
}

/** The parts of a URL. */
function addressOf (url: string, defaultPort: number): { host: string, port: number, username?: string, password?: string, tls?: object } {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.hostname === '') throw new BootProblems([{ file: 'configuration', field: 'redis', message: 'found text that is not a URL (not shown), allowed: redis://user:password@host:port, with the password percent-encoded' }])
  const { protocol, hostname, port, username, password } = parsed
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || defaultPort),
    ...username ? { username: decodeURIComponent(username) } : {},
    ...password ? { password: decodeURIComponent(password) } : {},
    ...protocol === 'rediss:' ? { tls: {} } : {},
  }
}
