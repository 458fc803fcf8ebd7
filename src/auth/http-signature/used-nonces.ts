/** Nonces that have been used, each until its signature is too old anyway. */
export class UsedNonces {
  readonly #until = new Map<string, number>()
  readonly #size: number
  readonly #lifetimeMs: number
  readonly #now: () => number

  /**
   * @param size  most nonces at once; none is forgotten before its time to make room, since it could be used again then
   */
  constructor(size: number, lifetimeMs: number, now: () => number) {
    this.#size = size
    this.#lifetimeMs = lifetimeMs
    this.#now = now
  }

  /** Uses a nonce up. */
  take(nonce: string): 'fresh' | 'used' | 'full' {
    const found = this.look(nonce)
    if (found === 'fresh') this.#until.set(nonce, this.#now() + this.#lifetimeMs)
    return found
  }

  /** What `take` would say. */
  look(nonce: string): 'fresh' | 'used' | 'full' {
    const now = this.#now()
    // all live equally long, so the oldest come first
    for (const [oldest, until] of this.#until) {
      if (until > now) break
      this.#until.delete(oldest)
    }
    if (this.#until.has(nonce)) return 'used'
    return this.#until.size >= this.#size ? 'full' : 'fresh'
  }
}
