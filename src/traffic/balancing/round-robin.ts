import type { Balancer, Candidate } from './balancer.ts'

/**
 * Smooth weighted round-robin: each target gets its share of the requests, without bursts. In each turn every candidate
 * gains credit by its weight; the one with the most credit is chosen and pays the sum of all weights.
 */
export class RoundRobin<T extends Candidate> implements Balancer<T> {
  readonly #credit = new WeakMap<T, number>()

  select(candidates: readonly T[]): T {
    let best = candidates[0]!
    let most = -Infinity
    let total = 0
    for (const candidate of candidates) {
      const credit = (this.#credit.get(candidate) ?? 0) + candidate.weight
      this.#credit.set(candidate, credit)
      total += candidate.weight
      if (credit > most) {
        best = candidate
        most = credit
      }
    }
    this.#credit.set(best, most - total)
    return best
  }
}

/** Takes the first available target in the order of the declaration. */
export class FirstAvailable<T extends Candidate> implements Balancer<T> {
  select(candidates: readonly T[]): T {
    return candidates[0]!
  }
}
