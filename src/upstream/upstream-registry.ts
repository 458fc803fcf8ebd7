import type { ReportDecision } from './decision.ts'
import { Upstream, type UpstreamParts } from './upstream.ts'

/** The upstreams of a gateway by name. */
export class UpstreamRegistry implements Iterable<Upstream> {
  readonly #upstreams = new Map<string, Upstream>()
  /** Files by the name that they declare, those with mistakes included. */
  readonly #owners = new Map<string, string>()
  readonly #report: ReportDecision

  constructor (report: ReportDecision) {
    this.#report = report
  }

  /** File that declares the upstream of this name; undefined when there is none. */
  ownerOf (name: string): string | undefined {
    return this.#owners.get(name)
  }

  get (name: string): Upstream | undefined {
    return this.#upstreams.get(name)
  }

  /** Notes that a file uses a name. */
  reserve (name: string, file: string): void {
    this.#owners.set(name, file)
  }

  add (name: string, parts: UpstreamParts, file: string): Upstream {
    const upstream = new Upstream(name, parts, this.#report)
    this.#upstreams.set(name, upstream)
    this.reserve(name, file)
    return upstream
  }

  [Symbol.iterator] (): Iterator<Upstream> {
    return this.#upstreams.values()
  }

  /** @param bound  milliseconds until connections in use are cut */
  async close (bound: number): Promise<void> {
    await Promise.all([...this].map((upstream) => upstream.close(bound)))
  }
}
