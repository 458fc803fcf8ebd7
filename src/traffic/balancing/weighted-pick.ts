import type { Candidate } from './balancer.ts'

/**
 * Any of the candidates, each as likely as its weight says.
 * @param random  a number from 0 to below 1
 * @param except  is not picked; there must be another
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
