import type { StoredHead } from '../../cache/stored-response.ts'
import type { ResponseCache, SharedFill } from './response-cache.ts'

/** Under what a request to the upstream is found by those who may share it. */
export class FillRegistration {
  readonly #cache: ResponseCache
  readonly #fill: SharedFill
  /** Null when nobody may share it. */
  #name: string | null

  constructor(cache: ResponseCache, fill: SharedFill, name: string | null) {
    this.#cache = cache
    this.#fill = fill
    this.#name = name
    if (name !== null) cache.fills.set(name, fill)
  }

  /** From now on those alone find it whom its response is for. */
  renameByVary({ vary }: StoredHead): void {
    const name = this.#name
    if (name === null || vary.length === 0) return
    this.#cache.noteVary(
      name,
      vary.map(([field]) => field),
    )
    this.close()
    this.#name = nameByVary(
      name,
      vary.map(([, value]) => value),
    )
    if (!this.#cache.fills.has(this.#name)) this.#cache.fills.set(this.#name, this.#fill)
  }

  /** Nobody can join any more. */
  close(): void {
    const { fills } = this.#cache
    if (this.#name !== null && fills.get(this.#name) === this.#fill) fills.delete(this.#name)
  }

  /** Those who find nothing stored need not wait for one another: what comes is not for several. */
  pass(): void {
    if (this.#name !== null) this.#cache.pass(this.#name)
  }
  /** They do again. */
  unpass(): void {
    if (this.#name !== null) this.#cache.unpass(this.#name)
  }
}

/** Under what the request for one variant is found. */
export const nameByVary = (name: string, values: readonly (string | null)[]): string =>
  `${name}\n${JSON.stringify(values)}`
