import { authUnavailable } from '../challenge.ts'

/** How many hashes are made at once: the thread pool, of four threads, also looks up names and reads files. */
const AT_ONCE = 2
/** How many more may wait. */
const WAITING = 64

/** Bounds the work of hashing, so that a flood of passwords takes neither all threads nor all memory. */
export class HashQueue {
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @throws GatehouseError `GW_AUTH_UNAVAILABLE` when too many wait already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= WAITING) throw authUnavailable(new Error('too many passwords wait to be hashed'))
      // whoever ends hands the place over
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
