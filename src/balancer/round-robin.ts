/** What a balancing policy must know of a target. */
export interface Weighted {
  readonly weight: number
}

/**
 * Smooth weighted round-robin: over any run of requests each target gets its share, and never in bursts.
 * Each turn every candidate gains its weight, the richest is chosen and pays the sum of all weights.
 */
export class RoundRobin<T extends Weighted> {
  readonly #targets: readonly T[]
  readonly #credit: number[]

  constructor (targets: readonly T[]) {
    this.#targets = targets
    this.#credit = targets.map(() => 0)
  }

  /**
   * @param tried  targets that this request has failed on already; null for none
   * @returns the next target, or null when every one has been tried
   */
  select (tried: ReadonlySet<T> | null): T | null {
    if (this.#targets.length === 1) return tried === null ? this.#targets[0]! : null
    let best = -1
    let total = 0
    for (let i = 0; i < this.#targets.length; i++) {
      const target = this.#targets[i]!
      if (tried?.has(target)) continue
      total += target.weight
      this.#credit[i]! += target.weight
      if (best === -1 || this.#credit[i]! > this.#credit[best]!) best = i
    }
    if (best === -1) return null
    this.#credit[best]! -= total
    return this.#targets[best]!
  }
}
