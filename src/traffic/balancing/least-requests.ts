import type { Balancer, BalancedRequest, Candidate } from './balancer.ts'
import { RoundRobin } from './round-robin.ts'

/** A policy that takes the candidate with the lowest cost. Candidates of equal cost are taken in turn, by weight. */
export abstract class LowestCost<T extends Candidate> implements Balancer<T> {
  readonly #turns = new RoundRobin<T>()

  protected abstract cost(candidate: T): number

  select(candidates: readonly T[], _request?: BalancedRequest): T {
    let best = candidates[0]!
    let least = this.cost(best)
    let ties: T[] | null = null
    for (let i = 1; i < candidates.length; i++) {
      const candidate = candidates[i]!
      const cost = this.cost(candidate)
      if (cost < least) {
        best = candidate
        least = cost
        ties = null
      } else if (cost === least) (ties ??= [best]).push(candidate)
    }
    return ties === null ? best : this.#turns.select(ties)
  }
}

/**
 * Takes the target with the fewest requests in flight for its weight. So slow targets get fewer, without being measured.
 */
export class LeastRequests<T extends Candidate> extends LowestCost<T> {
  protected override cost({ inFlight, weight }: T): number {
    return inFlight / weight
  }
}
