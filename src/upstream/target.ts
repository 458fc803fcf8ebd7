import type { Dispatcher } from 'undici'
import type { SlowStart } from '../health/slow-start.ts'
import { milliseconds } from '../units.ts'
import type { ConnectionPool, ConnectionPools, DialSettings } from './connection-pool.ts'
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

/** One place where a service runs, with its connections. */
export class Target {
  /** What it is known by: mostly origin and base path. */
  readonly id: string
  /** Scheme, host and port; what `Location` headers are compared with. */
  readonly origin: string
  /** Path that is put before every forwarded path; no slash at its end. */
  readonly basePath: string
  /** Value of `Host`. */
  readonly host: string
  #weight!: number
  /** Targets of a higher number are backups for those of a lower one. */
  priority!: number
  /** Most attempts under way. */
  maxConnections!: number
  /** Version of the service that runs there, when its upstream has several. */
  version: string | undefined
  /** Where its connections go, as far as that has been looked up. */
  addresses: readonly string[] | undefined
  /** Attempts under way, their responses included. */
  inFlight = 0
  /** Lets its share grow after it has come back; null when it has the whole at once. */
  slowStart: SlowStart | null = null
  /** What judges the target; they are told of every attempt. */
  readonly monitors: TargetMonitor[] = []
  readonly #pools: ConnectionPools
  #pool: ConnectionPool

  constructor (settings: TargetSettings, pools: ConnectionPools) {
    this.id = settings.id
    this.origin = settings.origin
    this.basePath = settings.basePath
    this.host = settings.host
    this.#pools = pools
    this.#pool = pools.acquire(settings.dial)
    this.#takeShare(settings)
  }

  /** Takes over what has changed about it; connections that are dialled in another way now end when they are done. */
  adopt (settings: TargetSettings): void {
    this.#takeShare(settings)
    const before = this.#pool
    this.#pool = this.#pools.acquire(settings.dial)
    this.#pools.release(before)
  }

  #takeShare ({ weight, priority, maxConnections, version, dial }: TargetSettings): void {
    this.addresses = dial.addresses
    this.#weight = weight
    this.priority = priority
    this.maxConnections = maxConnections
    this.version = version
  }

  dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Share of the requests, above 0. */
  get weight (): number {
    return this.slowStart === null ? this.#weight : this.#weight * this.slowStart.factor
  }

  /** How connections to it are made. */
  get dial (): DialSettings { return this.#pool.settings }

  /** Connections apart from those of requests; whoever asks closes them. */
  connectionsApart (): Dispatcher { return this.#pool.apart() }

  /** Begins what its monitors do by themselves. */
  start (): void {
    for (const monitor of this.monitors) monitor.start?.()
  }

  /** Whether a new attempt may be made now. @param panic  whether its health is passed over */
  isAvailable (panic = false): boolean {
    for (const monitor of this.monitors) if (!(panic && monitor.isHealth) && monitor.isAvailable?.() === false) return false
    return true
  }

  /** Whether nothing that judges its health speaks against it. */
  isHealthy (): boolean {
    for (const monitor of this.monitors) if (monitor.isHealth && monitor.isAvailable?.() === false) return false
    return true
  }

  /** What people and programs may know of it. */
  describe (): Record<string, unknown> {
    const { id, version, priority, inFlight } = this
    const weight = Math.round(this.weight * 1000) / 1000
    return Object.assign({ id, version, available: this.isAvailable(), weight, priority, inFlight }, ...this.monitors.map((monitor) => monitor.describe?.() ?? {}))
  }

  /** Whether it could take one more attempt. */
  get hasRoom (): boolean { return this.inFlight < this.maxConnections }

  /** Milliseconds until a new attempt may be made, as far as is known. */
  availableIn (): number {
    return Math.max(0, ...this.monitors.map((monitor) => monitor.availableIn?.() ?? 0))
  }

  /** An attempt begins. */
  began (): void {
    this.inFlight++
    for (const monitor of this.monitors) monitor.began?.()
  }

  /** The head of a response has come; see `TargetMonitor.answered`. */
  answered (status: number, firstByte: number): void {
    for (const monitor of this.monitors) monitor.answered?.(status, firstByte)
  }

  /** An attempt that began is over; see `TargetMonitor.ended`. */
  ended (status: number, failure: AttemptFailure | null, firstByte: number): void {
    this.inFlight--
    for (const monitor of this.monitors) monitor.ended?.(status, failure, firstByte)
  }

  /** Gives its connections back, which end when their requests are done. */
  async close (): Promise<void> {
    for (const monitor of this.monitors) monitor.close?.()
    await this.#pools.release(this.#pool)
  }
}

type PartialTimeouts = Partial<Record<keyof TimeoutSettings, string | number>>

/** The nearest word on each timeout: route before upstream before gateway. */
export function timeoutSettings (...layers: (PartialTimeouts | undefined)[]): TimeoutSettings {
  const nearest = (key: keyof TimeoutSettings) => milliseconds(layers.find((layer) => layer?.[key] !== undefined)?.[key] ?? 0)
  return { connect: nearest('connect'), firstByte: nearest('firstByte'), idle: nearest('idle'), total: nearest('total'), websocket: nearest('websocket') }
}
