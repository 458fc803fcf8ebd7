import type { TargetDeclaration } from './declaration-schema.ts'
import type { TimeoutSettings } from './target.ts'
import { Upstream } from './upstream.ts'

/** The upstreams of a gateway by name. */
export class UpstreamRegistry implements Iterable<Upstream> {
  readonly #upstreams = new Map<string, { upstream: Upstream, file: string }>()

  /** File that declares the upstream of this name; undefined when there is none. */
  ownerOf (name: string): string | undefined {
    return this.#upstreams.get(name)?.file
  }

  get (name: string): Upstream | undefined {
    return this.#upstreams.get(name)?.upstream
  }

  add (name: string, targets: readonly TargetDeclaration[], timeouts: TimeoutSettings, file: string): Upstream {
    const upstream = new Upstream(name, targets, timeouts)
    this.#upstreams.set(name, { upstream, file })
    return upstream
  }

  [Symbol.iterator] (): Iterator<Upstream> {
    return [...this.#upstreams.values()].map(({ upstream }) => upstream)[Symbol.iterator]()
  }

  /** @param bound  milliseconds until connections in use are cut */
  async close (bound: number): Promise<void> {
    await Promise.all([...this].map((upstream) => upstream.close(bound)))
  }
}
