import type { Balancer, Candidate } from './balancer.ts'

/** Takes the first target in the order of the declaration, so that each is used only when those before it cannot be. */
export class FirstAvailable<T extends Candidate> implements Balancer<T> {
  select(candidates: readonly T[]): T {
    return candidates[0]!
  }
}
