import type { Dispatcher } from 'undici'
import type { SlowStart } from '../traffic/health/slow-start.ts'
import { milliseconds } from '../units.ts'
import { comparableHost } from './comparable-host.ts'
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

/** What is known of a target by its monitors' names. */
export type TargetMemory = Record<string, Record<string, number>>

const isNumbers = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((number) => Number.isFinite(number) && number >= 0)

/** One place where a service runs, with its connections. */
export class Target {
  /** What it is known by: mostly origin and base path. */
  readonly id: string
  /** Scheme, host and port; what `Location` headers are compared with. */
  readonly origin: string
  /** Host and port of the origin; all spellings of this machine are one. */
  readonly comparable: string
  /** Path that is put before every forwarded path; no slash at its end. */
  readonly basePath: string
  /** Value of `Host`. */
  readonly host: string
  /** Attempts under way, their responses included. */
  inFlight = 0
  /** Lets its share grow after it has come back; null when it has the whole at once. */
  slowStart: SlowStart | null = null
  /** What judges the target; they are told of every attempt. */
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

  /** Takes over what has changed about it; connections that are dialled in another way now end when they are done. */
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
  /** Targets of a higher number are backups for those of a lower one. */
  get priority(): number {
    return this.#settings.priority
  }
  /** Most attempts under way. */
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

  /** Whether a new attempt may be made now. @param panic  whether its health is passed over */
  isAvailable(panic = false): boolean {
    for (const monitor of this.monitors) {
      if (!(panic && monitor.isHealth) && monitor.isAvailable?.() === false) return false
    }
    return true
  }

  /** Whether nothing that judges its health speaks against it. */
  isHealthy(): boolean {
    for (const monitor of this.monitors) if (monitor.isHealth && monitor.isAvailable?.() === false) return false
    return true
  }

  /** What those should know who judge it after a reload; null for nothing. */
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

  /** What people and programs may know of it. @param panic  whether its health is passed over */
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

  /** Gives its connections back, which end when their requests are done. */
  async close(): Promise<void> {
    for (const monitor of this.monitors) monitor.close?.()
    await this.#pools.release(this.#pool)
  }
}

type PartialTimeouts = Partial<Record<keyof TimeoutSettings, string | number>>

/** The nearest word on each timeout: route before upstream before gateway. */
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
