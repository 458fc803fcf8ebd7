import { Pool, type Dispatcher } from 'undici'
import { BoundedStart } from './bounded-start.ts'
import { clientOptions, type DialSettings } from './dial.ts'

/** How long a connection may idle: shorter than services keep it, which would break the next request. Milliseconds. */
const IDLE = 4000
/**
 * Fields of one connection, which HTTP/2 does not have: Node ends the whole session over them (RFC 9113, section
 * 8.2.2).
 */
const CONNECTION_FIELDS = /^(?:te|proxy-connection|http2-settings)$/i

/** The connections of a gateway, shared by all targets with the same address and settings. */
export class ConnectionPools {
  readonly #open = new Map<string, ConnectionPool>()
  readonly #draining = new Set<ConnectionPool>()

  /** Pools in use. */
  get size(): number {
    return this.#open.size
  }
  /** Pools that are out of use, and have requests in flight. */
  get draining(): number {
    return this.#draining.size
  }

  /** The pool of an address, made when there is none. Each call needs a `release`. */
  acquire(settings: DialSettings): ConnectionPool {
    const key = poolKey(settings)
    let pool = this.#open.get(key)
    if (pool === undefined) {
      pool = new ConnectionPool(key, settings)
      this.#open.set(key, pool)
    }
    pool.users++
    return pool
  }

  /** Gives a pool back. When nobody else uses it, it closes once its requests are done. */
  async release(pool: ConnectionPool): Promise<void> {
    if (--pool.users > 0) return
    this.#open.delete(pool.key)
    this.#draining.add(pool)
    await pool.drain()
    this.#draining.delete(pool)
  }

  /** Cuts the connections that are still draining. */
  cut(): void {
    for (const pool of this.#draining) pool.destroy()
  }
}

/** Connections to one address. */
export class ConnectionPool {
  readonly key: string
  users = 0
  /** Requests that wait for a stream of HTTP/2. */
  waiting = 0
  readonly #settings: DialSettings
  readonly #pool: Pool
  /** WebSockets need HTTP/1.1 (RFC 8441 is not supported). */
  #upgrades: Pool | undefined
  /** Name for SNI. undici would take `Host`, which may be the client's. */
  readonly #servername: string | undefined

  constructor(key: string, settings: DialSettings) {
    this.key = key
    this.#settings = settings
    this.#pool = makePool(settings, settings.http2)
    const { protocol, hostname } = new URL(settings.origin)
    this.#servername = protocol === 'https:' ? (settings.tls?.serverName ?? hostname) : undefined
  }

  dispatch(options: Dispatcher.DispatchOptions & { servername?: string }, handler: Dispatcher.DispatchHandler): void {
    if (this.#servername !== undefined) options.servername = this.#servername
    if (this.#settings.http2 === false) {
      this.#pool.dispatch(options, handler)
      return
    }
    if (options.upgrade) {
      ;(this.#upgrades ??= makePool(this.#settings, false)).dispatch(options, handler)
      return
    }
    if (BoundedStart.isFull(this)) {
      handler.onResponseError!(null as never, BoundedStart.refusal())
      return
    }
    options.headers = withoutConnectionFields(options.headers as string[])
    this.#pool.dispatch(options, new BoundedStart(handler, options.body, this.#settings.connectTimeout, this))
  }

  /** Closes once its requests are done. */
  async drain(): Promise<void> {
    await Promise.all([this.#pool.close().catch(() => {}), this.#upgrades?.close().catch(() => {})])
  }

  destroy(): void {
    this.#pool.destroy().catch(() => {})
    this.#upgrades?.destroy().catch(() => {})
  }
}

const poolKey = ({ origin, socket, addresses, tls, http2, connectTimeout, firstByte }: DialSettings): string =>
  JSON.stringify([origin, socket, addresses, tls?.fingerprint, http2, connectTimeout, firstByte])

const makePool = (dial: DialSettings, http2: DialSettings['http2']): Pool =>
  new Pool(dial.origin, {
    ...clientOptions(dial, http2),
    headersTimeout: dial.firstByte,
    keepAliveTimeout: IDLE,
    pipelining: 1,
  })

/** Only `te: trailers` may stay, which gRPC needs. */
function withoutConnectionFields(headers: string[]): string[] {
  for (let i = 0; i < headers.length; i += 2) {
    if (CONNECTION_FIELDS.test(headers[i]!)) {
      return headers.filter((_, at) => !isConnectionField(headers, at - (at % 2)))
    }
  }
  return headers
}

const isConnectionField = (headers: readonly string[], at: number): boolean =>
  CONNECTION_FIELDS.test(headers[at]!) && !(headers[at]!.toLowerCase() === 'te' && headers[at + 1] === 'trailers')
