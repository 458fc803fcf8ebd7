import type { Balancer, Candidate } from './balancer.ts'
import { weightedPick } from './weighted-pick.ts'

/**
 * Takes, of two targets picked at random by weight, the one with fewer requests under way for its weight. Nearly as
 * even as asking all of them, and several gateways do not run to the same target at once.
 */
export class PowerOfTwo<T extends Candidate> implements Balancer<T> {
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  select(candidates: readonly T[]): T {
    const first = weightedPick(candidates, this.#random)
    if (candidates.length === 1) return first
    const second = weightedPick(candidates, this.#random, first)
    return second.inFlight * first.weight < first.inFlight * second.weight ? second : first
  }
}
