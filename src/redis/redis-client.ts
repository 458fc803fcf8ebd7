import type { FastifyBaseLogger } from 'fastify'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { BootProblems } from '../errors.ts'
import { CommandWatch } from './command-watch.ts'
import type { RedisSettings } from './redis-schema.ts'

/** Milliseconds that a command may wait for its answer: longer than short overloads of Redis or of the machine. */
const PATIENCE = 2000
/**
 * Milliseconds without a byte from a cluster node with pending commands, after which its connection is closed.
 */
const NODE_SILENCE = 5000
const CONNECT_TIMEOUT = 2000
/** Longest pause between two attempts: short enough to be back within two seconds. */
const LONGEST_RETRY = 500

const retry = (attempt: number): number => Math.min(100 * attempt, LONGEST_RETRY)

const OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  connectTimeout: CONNECT_TIMEOUT,
  maxRetriesPerRequest: 0,
  // a request that did not wait for its count is not counted later
  autoResendUnfulfilledCommands: false,
  retryStrategy: retry,
  sentinelRetryStrategy: retry,
  // this Redis was demoted to a replica: connect to its successor
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
}

/** A connection, and the function that ends it for good. */
export interface RedisConnection {
  client: Redis | Cluster
  close(): void
}

/** What it means that Redis is away, and that it is back; for the log. */
interface Consequence {
  away: string
  back: string
}
const LIMITS: Consequence = {
  away: 'each gateway counts limits by itself until it is back',
  back: 'limits are counted there again',
}

/**
 * A connection to Redis that never delays a request for long. It is made with the first command or with
 * `client.connect()`. A command fails when it has waited 2 s for its answer. A Redis that has answered nothing for 2 s
 * counts as away: commands then fail at once, and the client reconnects in the background. Each loss and each return is
 * logged once.
 * @param settings  may hold passwords, so no message shows them
 * @param patience  milliseconds that a command may wait for its answer
 */
export function connectRedis(
  settings: RedisSettings,
  log: FastifyBaseLogger,
  means: Consequence = LIMITS,
  patience = PATIENCE,
): RedisConnection {
  const client = clientOf(settings, OPTIONS)
  let closing = false
  let away = false
  const lost = (reason: string): void => {
    if (!away && !closing) log.error({ reason }, `Redis is away: ${means.away}`)
    away = true
  }
  watchSilence(client, patience, lost)
  // only the message: the error may carry the command, and with it the password
  client.on('error', (error: Error & { code?: string }) => lost(error.message || error.code || error.name))
  client.on('close', () => lost('the connection was closed'))
  client.on('ready', () => {
    if (away) log.info(`Redis is back: ${means.back}`)
    away = false
  })
  return {
    client,
    close() {
      closing = true
      client.disconnect()
    },
  }
}

/** Closes a connection over which no answer comes. In a cluster each node has a connection of its own. */
export function watchSilence(
  client: Redis | Cluster,
  patience = PATIENCE,
  onSilence: (reason: string) => void = () => {},
): void {
  const watch = new CommandWatch(patience, () => {
    if (client instanceof Cluster) return
    onSilence(`it has not answered for ${patience} ms`)
    client.disconnect(true)
  })
  watch.follow(client)
}

function clientOf(settings: RedisSettings, options: RedisOptions): Redis | Cluster {
  if (typeof settings === 'string') {
    addressOf(settings, 6379)
    return new Redis(settings, options)
  }
  if ('cluster' in settings) {
    const addresses = settings.cluster.map((url) => addressOf(url, 6379))
    const { username, password, tls } = addresses[0]!
    // how and when the nodes are connected to is the cluster's business; what waits for that does so for a command's
    // time at most
    const { lazyConnect, retryStrategy: _, enableOfflineQueue, ...redisOptions } = options
    return new Cluster(
      addresses.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect,
        enableOfflineQueue,
        clusterRetryStrategy: retry,
        redisOptions: { ...redisOptions, username, password, tls, socketTimeout: NODE_SILENCE },
      },
    )
  }
  const { sentinels, name, username, password, db } = settings
  const addresses = sentinels.map((url) => addressOf(url, 26379))
  const { tls, username: sentinelUsername, password: sentinelPassword } = addresses[0]!
  return new Redis({
    ...options,
    sentinels: addresses.map(({ host, port }) => ({ host, port })),
    name,
    username,
    password,
    db,
    sentinelUsername,
    sentinelPassword,
    tls,
    sentinelTLS: tls,
    enableTLSForSentinelMode: tls !== undefined,
  })
}

/** The parts of a URL. */
function addressOf(
  url: string,
  defaultPort: number,
): { host: string; port: number; username?: string; password?: string; tls?: object } {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.hostname === '') {
    throw new BootProblems([
      {
        file: 'configuration',
        field: 'redis',
        message:
          'found text that is not a URL (not shown), allowed: redis://user:password@host:port, with the password percent-encoded',
      },
    ])
  }
  const { protocol, hostname, port, username, password } = parsed
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || defaultPort),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}
