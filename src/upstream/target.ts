import type { Dispatcher } from 'undici'
import type { SlowStart } from '../traffic/health/slow-start.ts'
import { milliseconds } from '../units.ts'
import type { ConnectionPool, ConnectionPools } from './connection-pool.ts'
import type { DialSettings } from './dial.ts'
import type { AttemptFailure, TargetMonitor } from './target-monitor.ts'
import type { TargetSettings } from './target-settings.ts'

/** How long an upstream may take, in milliseconds. */
export interface TimeoutSettings {
  connect: number
  firstByte: number
  idle: number
  /** Over all attempts until the client gets its answer; 0 for any time. */
  total: number
  /** Silence on a WebSocket; 0 for any time. */
  websocket: number
}

/** The state of a target, by the names of its monitors. */
export type TargetMemory = Record<string, Record<string, number>>

const isNumbers = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((number) => Number.isFinite(number) && number >= 0)

/** One place where a service runs, with its connections. */
export class Target {
  /** Mostly origin and base path. */
  readonly id: string
  /** Scheme, host and port; what `Location` headers are compared with. */
  readonly origin: string
  /** Host and port of the origin, with one spelling for this machine. */
  readonly comparable: string
  /** Path before every forwarded path, without a slash at its end. */
  readonly basePath: string
  /** Value of `Host`. */
  readonly host: string
  /** Attempts in flight, until their responses have ended. */
  inFlight = 0
  /** Lets its share grow after a recovery; null when it gets the whole share at once. */
  slowStart: SlowStart | null = null
  /** They judge the target, and hear of every attempt. */
  readonly monitors: TargetMonitor[] = []
  #settings: TargetSettings
  readonly #pools: ConnectionPools
  #pool: ConnectionPool

  constructor(settings: TargetSettings, pools: ConnectionPools) {
    this.id = settings.id
    this.origin = settings.origin
    this.comparable = comparableHost(new URL(settings.origin).host)
    this.basePath = settings.basePath
    this.host = settings.host
    this.#settings = settings
    this.#pools = pools
    this.#pool = pools.acquire(settings.dial)
  }

  /** Takes over new settings. Connections with other settings close once their requests are done. */
  adopt(settings: TargetSettings): void {
    this.#settings = settings
    const before = this.#pool
    this.#pool = this.#pools.acquire(settings.dial)
    this.#pools.release(before).catch(() => {})
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** How connections to it are made now. */
  get dial(): DialSettings {
    return this.#settings.dial
  }
  /** Targets with a higher number are backups for those with a lower one. */
  get priority(): number {
    return this.#settings.priority
  }
  /** Most attempts in flight. */
  get maxConnections(): number {
    return this.#settings.maxConnections
  }
  /** Version of the service that runs there, when its upstream has several. */
  get version(): string | undefined {
    return this.#settings.version
  }

  /** Share of the requests, above 0. */
  get weight(): number {
    const { weight } = this.#settings
    return this.slowStart === null ? weight : weight * this.slowStart.factor
  }

  /** Whether a new attempt may be made now. @param panic  whether its health is ignored */
  isAvailable(panic = false): boolean {
    for (const monitor of this.monitors) {
      if (!(panic && monitor.isHealth) && monitor.isAvailable?.() === false) return false
    }
    return true
  }

  /** Whether all monitors of its health agree. */
  isHealthy(): boolean {
    for (const monitor of this.monitors) if (monitor.isHealth && monitor.isAvailable?.() === false) return false
    return true
  }

  /** The state of its monitors, for the time after a reload; null for none. */
  remember(): TargetMemory | null {
    const known = this.monitors.flatMap((monitor) => {
      const state = monitor.name === undefined ? null : (monitor.remember?.() ?? null)
      return state === null ? [] : [[monitor.name!, state]]
    })
    return known.length === 0 ? null : Object.fromEntries(known)
  }

  recall(memory: TargetMemory): void {
    for (const monitor of this.monitors) {
      if (monitor.name !== undefined && isNumbers(memory[monitor.name])) monitor.recall?.(memory[monitor.name]!)
    }
  }

  /** Its state, for operators. @param panic  whether its health is ignored */
  describe(panic = false): Record<string, unknown> {
    const {
      id,
      version,
      priority,
      inFlight,
      dial: { addresses },
    } = this
    const weight = Math.round(this.weight * 1000) / 1000
    return Object.assign(
      { id, addresses, version, available: this.isAvailable(panic), weight, priority, inFlight },
      ...this.monitors.map((monitor) => monitor.describe?.() ?? {}),
    )
  }

  /** Whether it could take one more attempt. */
  get hasRoom(): boolean {
    return this.inFlight < this.maxConnections
  }

  /** Milliseconds until a new attempt may be made, as far as is known. */
  availableIn(): number {
    return Math.max(0, ...this.monitors.map((monitor) => monitor.availableIn?.() ?? 0))
  }

  /** An attempt begins. */
  began(): void {
    this.inFlight++
    for (const monitor of this.monitors) monitor.began?.()
  }

  /** The head of a response has come; see `TargetMonitor.answered`. */
  answered(status: number, firstByte: number): void {
    for (const monitor of this.monitors) monitor.answered?.(status, firstByte)
  }

  /** An attempt that began is over; see `TargetMonitor.ended`. */
  ended(status: number, failure: AttemptFailure | null, firstByte: number): void {
    this.inFlight--
    for (const monitor of this.monitors) monitor.ended?.(status, failure, firstByte)
  }

  /** Gives its connections back. They close once their requests are done. */
  async close(): Promise<void> {
    for (const monitor of this.monitors) monitor.close?.()
    await this.#pools.release(this.#pool)
  }
}

type PartialTimeouts = Partial<Record<keyof TimeoutSettings, string | number>>

/** Each timeout of the nearest layer that states it: route before upstream before gateway. */
export function timeoutSettings(...layers: (PartialTimeouts | undefined)[]): TimeoutSettings {
  const nearest = (key: keyof TimeoutSettings) =>
    milliseconds(layers.find((layer) => layer?.[key] !== undefined)?.[key] ?? 0)
  return {
    connect: nearest('connect'),
    firstByte: nearest('firstByte'),
    idle: nearest('idle'),
    total: nearest('total'),
    websocket: nearest('websocket'),
  }
}

/** Names and addresses of this machine, as parsed URLs spell them. */
const THIS_MACHINE =
  /^(?:localhost\.?|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])(?=:|$)/

/**
 * A host as it is compared with others: all spellings of this machine are one.
 * @param host  host of a parsed URL, with or without a port
 */
export const comparableHost = (host: string): string => host.replace(THIS_MACHINE, 'localhost')
