const SLOTS = 10

/** Counts two kinds of events in a sliding window, which moves in tenths of its length. */
export class SlidingCounts {
  readonly #slotLength: number
  readonly #firstBySlot = new Float64Array(SLOTS)
  readonly #secondBySlot = new Float64Array(SLOTS)
  #slot = 0
  #first = 0
  #second = 0

  /** @param window  milliseconds */
  constructor(window: number) {
    this.#slotLength = window / SLOTS
  }

  /** @param now  milliseconds of a clock that never goes back */
  addFirst(now: number): void {
    this.#advance(now)
    this.#first++
    this.#firstBySlot[this.#slot % SLOTS]!++
  }

  addSecond(now: number): void {
    this.#advance(now)
    this.#second++
    this.#secondBySlot[this.#slot % SLOTS]!++
  }

  /** Events of the first kind in the window. */
  first(now: number): number {
    this.#advance(now)
    return this.#first
  }

  second(now: number): number {
    this.#advance(now)
    return this.#second
  }

  clear(): void {
    this.#firstBySlot.fill(0)
    this.#secondBySlot.fill(0)
    this.#first = this.#second = 0
  }

  #advance(now: number): void {
    const slot = Math.floor(now / this.#slotLength)
    if (slot <= this.#slot) return
    for (let passed = Math.min(slot - this.#slot, SLOTS); passed > 0; passed--) {
      const expired = (slot - passed + 1) % SLOTS
      this.#first -= this.#firstBySlot[expired]!
      this.#second -= this.#secondBySlot[expired]!
      this.#firstBySlot[expired] = this.#secondBySlot[expired] = 0
    }
    this.#slot = slot
  }
}
