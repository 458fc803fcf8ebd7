import type { Candidate } from './balancer.ts'
import { LowestCost } from './lowest-cost.ts'

/**
 * Takes the target with the fewest requests under way for its weight. Slow targets get fewer without being measured.
 */
export class LeastRequests<T extends Candidate> extends LowestCost<T> {
  protected override cost({ inFlight, weight }: T): number {
    return inFlight / weight
  }
}
