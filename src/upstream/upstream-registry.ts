import { ConnectionPools } from './connection-pool.ts'
import type { TargetMemory } from './target.ts'
import { type ReportDecision, Upstream, type UpstreamParts } from './upstream.ts'

export type UpstreamsMemory = Record<string, Record<string, TargetMemory>>

/** The upstreams of a gateway by name. */
export class UpstreamRegistry implements Iterable<Upstream> {
  readonly #upstreams = new Map<string, Upstream>()
  /** Files by the name that they declare, those with mistakes included. */
  readonly #owners = new Map<string, string>()
  readonly #report: ReportDecision

  readonly #pools: ConnectionPools

  /** @param pools  connections that are shared with others, such as the gateway that had the configuration before */
  constructor(report: ReportDecision, pools = new ConnectionPools()) {
    this.#report = report
    this.#pools = pools
  }

  /** File that declares the upstream of this name; undefined when there is none. */
  ownerOf(name: string): string | undefined {
    return this.#owners.get(name)
  }

  get(name: string): Upstream | undefined {
    return this.#upstreams.get(name)
  }

  /** Notes that a file uses a name. */
  reserve(name: string, file: string): void {
    this.#owners.set(name, file)
  }

  add(name: string, parts: UpstreamParts, file: string): Upstream {
    const upstream = new Upstream(name, parts, this.#report, this.#pools)
    this.#upstreams.set(name, upstream)
    this.reserve(name, file)
    return upstream
  }

  [Symbol.iterator](): Iterator<Upstream> {
    return this.#upstreams.values()
  }

  /** Starts target discovery. Resolves after the first lookups. @param bound  milliseconds to wait for these */
  async discover(bound: number): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, bound)
    await Promise.race([Promise.all([...this].map((upstream) => upstream.discover())), late.promise])
    clearTimeout(timer)
  }

  /** The state of targets by upstream and target, for the gateway that takes over after a reload. */
  remember(): UpstreamsMemory {
    return Object.fromEntries(
      [...this].map(({ name, targets }) => [
        name,
        Object.fromEntries(
          targets.flatMap((target) => {
            const memory = target.remember()
            return memory === null ? [] : [[target.id, memory]]
          }),
        ),
      ]),
    )
  }

  /** Takes over the state of the gateway before. New targets have none. */
  recall(memory: UpstreamsMemory): void {
    for (const { name, targets } of this) {
      for (const target of targets) if (memory[name]?.[target.id] !== undefined) target.recall(memory[name][target.id]!)
    }
  }

  /** @param bound  milliseconds until connections in use are cut */
  async close(bound: number): Promise<void> {
    const cut = setTimeout(() => this.#pools.cut(), bound)
    await Promise.all([...this].map((upstream) => upstream.close()))
    clearTimeout(cut)
  }
}
