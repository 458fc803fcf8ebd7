import type { Balancer, Candidate } from './balancer.ts'

/** Takes a random target, by weight. Independent gateways cannot fall into step with it. */
export class RandomChoice<T extends Candidate> implements Balancer<T> {
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  select(candidates: readonly T[]): T {
    return weightedPick(candidates, this.#random)
  }
}

/**
 * Picks two random targets by weight, and takes the one with fewer requests in flight for its weight. This is nearly as
 * even as comparing all targets, and several gateways do not choose the same target at once.
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

/**
 * A random candidate, by weight.
 * @param random  a number from 0 to below 1
 * @param except  a candidate that is not picked; there must be another
 */
export function weightedPick<T extends Candidate>(candidates: readonly T[], random: () => number, except?: T): T {
  let total = 0
  for (const candidate of candidates) if (candidate !== except) total += candidate.weight
  let rest = random() * total
  let picked = candidates[0]!
  for (const candidate of candidates) {
    if (candidate === except) continue
    picked = candidate
    rest -= candidate.weight
    if (rest < 0) break
  }
  return picked
}
