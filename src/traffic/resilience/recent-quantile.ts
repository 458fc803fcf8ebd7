const KEPT = 512
const FEWEST = 20
/** Values between two looks at all of them. */
const STRIDE = 32

/** A quantile of the last values, 512 at most. It is found anew with every 32nd value only. */
export class RecentQuantile {
  readonly #quantile: number
  readonly #values = new Float64Array(KEPT)
  #count = 0
  #current: number | undefined

  /** @param quantile  between 0 and 1 */
  constructor(quantile: number) {
    this.#quantile = quantile
  }

  /** Undefined until there are 20 values. */
  get current(): number | undefined {
    return this.#current
  }

  add(value: number): void {
    this.#values[this.#count++ % KEPT] = value
    if (this.#count < FEWEST || (this.#count - FEWEST) % STRIDE !== 0) return
    const sorted = this.#values.slice(0, Math.min(this.#count, KEPT)).sort()
    this.#current = sorted[Math.ceil(sorted.length * this.#quantile) - 1]
  }
}
