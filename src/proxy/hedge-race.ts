import type { HedgePolicy } from '../resilience/hedge-policy.ts'
import type { Target } from '../upstream/target.ts'
import type { Attempt } from './attempt.ts'

/** The copies of one request that are sent while an earlier attempt is slow; the first usable answer wins. */
export class HedgeRace {
  readonly #policy: HedgePolicy
  readonly #sendCopy: () => void
  readonly #copies: Attempt[] = []
  #timer: NodeJS.Timeout | null = null

  /** @param sendCopy  is called when it is time for one; calls `add` when there is one to send */
  constructor (policy: HedgePolicy, sendCopy: () => void) {
    this.#policy = policy
    this.#sendCopy = sendCopy
  }

  /** Waits for the time of the next copy, if there may be one. */
  arm (): void {
    const { delay, max } = this.#policy
    if (this.#timer !== null || delay === undefined || this.#copies.length >= max) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#sendCopy()
    }, delay).unref()
  }

  disarm (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  add (copy: Attempt): void { this.#copies.push(copy) }

  /** Targets that have been sent a copy. */
  get targets (): Target[] { return this.#copies.map(({ target }) => target) }

  /** The attempt that is still under way and may bring the answer instead of a failed one. */
  standIn (failed: Attempt, current: Attempt): Attempt | undefined {
    return [current, ...this.#copies].find((attempt) => attempt !== failed && attempt.isUnderWay)
  }

  /** An answer is taken: the other attempts are broken off. */
  settle (winner: Attempt, current: Attempt): void {
    this.disarm()
    // of a slower attempt it is known that it takes at least so long
    this.#policy.note(performance.now() - current.sentAt)
    for (const attempt of [current, ...this.#copies]) if (attempt !== winner && attempt.isUnderWay) attempt.stop('cancelled')
  }

  /** Nothing is waited for any more. */
  close (): void {
    this.disarm()
    for (const copy of this.#copies) if (copy.isUnderWay) copy.stop('cancelled')
  }
}
