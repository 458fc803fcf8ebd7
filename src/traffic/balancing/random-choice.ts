import type { Balancer, Candidate } from './balancer.ts'
import { weightedPick } from './weighted-pick.ts'

/** Takes any target, by weight. Gateways that know nothing of each other cannot fall into step with it. */
export class RandomChoice<T extends Candidate> implements Balancer<T> {
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  select(candidates: readonly T[]): T {
    return weightedPick(candidates, this.#random)
  }
}
