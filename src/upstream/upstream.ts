import { RoundRobin } from '../balancer/round-robin.ts'
import type { TargetDeclaration } from './declaration-schema.ts'
import { Target, type TimeoutSettings } from './target.ts'

/** A service with its targets: what a route forwards to. */
export class Upstream {
  readonly name: string
  readonly targets: readonly Target[]
  readonly #balancer: RoundRobin<Target>

  constructor (name: string, targets: readonly TargetDeclaration[], timeouts: TimeoutSettings) {
    this.name = name
    this.targets = targets.map((target) => new Target(target, timeouts))
    this.#balancer = new RoundRobin(this.targets)
  }

  /** The target for the next attempt, or null when all have been tried. */
  select (tried: ReadonlySet<Target> | null): Target | null {
    return this.#balancer.select(tried)
  }

  /** Whether an absolute URL points at one of the targets; its base path comes back, or null. */
  ownBasePath (origin: string): string | null {
    const target = this.targets.find((candidate) => candidate.origin === origin)
    return target ? target.basePath : null
  }

  async close (bound: number): Promise<void> {
    await Promise.all(this.targets.map((target) => target.close(bound)))
  }
}
