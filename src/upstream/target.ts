import { Pool, type Dispatcher } from 'undici'
import type { SlowStart } from '../health/slow-start.ts'
import { milliseconds } from '../units.ts'
import type { TargetDeclaration } from './declaration-schema.ts'
import type { AttemptFailure, TargetMonitor } from './target-monitor.ts'

/** How long an upstream may take, in milliseconds. */
export interface TimeoutSettings {
  connect: number
  firstByte: number
  idle: number
  /** Over all attempts until the client gets its answer; 0 for any time. */
  total: number
}

/** One place where a service runs, with its connections. */
export class Target {
  /** Scheme, host and port; what `Location` headers are compared with. */
  readonly origin: string
  /** Path that is put before every forwarded path; no slash at its end. */
  readonly basePath: string
  /** Value of `Host`. */
  readonly host: string
  readonly #weight: number
  /** Targets of a higher number are backups for those of a lower one. */
  readonly priority: number
  /** Most attempts under way. */
  readonly maxConnections: number
  /** Version of the service that runs there, when its upstream has several. */
  readonly version: string | undefined
  /** Origin and base path. */
  readonly id: string
  /** Attempts under way, their responses included. */
  inFlight = 0
  /** Lets its share grow after it has come back; null when it has the whole at once. */
  slowStart: SlowStart | null = null
  /** What judges the target; they are told of every attempt. */
  readonly monitors: TargetMonitor[] = []
  /** How connections to it are made. */
  readonly connectOptions: { timeout: number, rejectUnauthorized: boolean, ca: string | undefined, servername: string | undefined }
  readonly #pool: Pool

  constructor (declaration: TargetDeclaration, timeouts: TimeoutSettings) {
    const { url, weight = 1, priority = 0, maxConnections = Infinity, version, tls = {} }: Exclude<TargetDeclaration, string> = typeof declaration === 'string' ? { url: declaration } : declaration
    const parsed = new URL(url)
    this.origin = parsed.origin
    this.basePath = parsed.pathname.replace(/\/+$/, '')
    this.host = parsed.host
    this.id = this.origin + this.basePath
    this.#weight = weight
    this.priority = priority
    this.maxConnections = maxConnections
    this.version = version
    this.connectOptions = { timeout: timeouts.connect, rejectUnauthorized: tls.verify ?? true, ca: tls.ca, servername: tls.serverName }
    this.#pool = new Pool(parsed.origin, {
      connect: this.connectOptions,
      headersTimeout: timeouts.firstByte,
      bodyTimeout: timeouts.idle,
      // a connection that idles longer than the upstream keeps it would break the next request
      keepAliveTimeout: 4000,
      pipelining: 1,
      allowH2: false,
    })
  }

  dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Share of the requests, above 0. */
  get weight (): number {
    return this.slowStart === null ? this.#weight : this.#weight * this.slowStart.factor
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

  /** Lets requests in flight finish, up to `bound` milliseconds, then cuts them. */
  async close (bound: number): Promise<void> {
    for (const monitor of this.monitors) monitor.close?.()
    const cut = setTimeout(() => { this.#pool.destroy().catch(() => {}) }, bound)
    await this.#pool.close().catch(() => {})
    clearTimeout(cut)
  }
}

type PartialTimeouts = Partial<Record<keyof TimeoutSettings, string | number>>

/** The nearest word on each timeout: route before upstream before gateway. */
export function timeoutSettings (...layers: (PartialTimeouts | undefined)[]): TimeoutSettings {
  const nearest = (key: keyof TimeoutSettings) => milliseconds(layers.find((layer) => layer?.[key] !== undefined)?.[key] ?? 0)
  return { connect: nearest('connect'), firstByte: nearest('firstByte'), idle: nearest('idle'), total: nearest('total') }
}
