import { gatehouseError } from '../errors.ts'
import type { Consumer } from './auth-schema.ts'
import type { AuthRequest, AuthScheme } from './scheme.ts'

/** Most addresses that are remembered. */
const REMEMBERED = 100_000

interface Failures {
  count: number
  /** Milliseconds since 1970. */
  end: number
}

/** Lets a scheme look at a request without counting anything. */
export const UNCOUNTED: Pick<FailedAttempts, 'watch'> = { watch: (request, scheme) => scheme.authenticate(request) }

/**
 * Bounds how often an address may fail to authenticate: past that it is refused before any cryptography runs, so that neither
 * guessing nor flooding with bad signatures pays. Only wrong credentials count, not missing ones, and whoever is known
 * already (a token that has been verified before) is not asked.
 */
export class FailedAttempts {
  readonly #max: number
  readonly #windowMs: number
  readonly #keyOf: (address: string) => string
  readonly #now: () => number
  readonly #failures = new Map<string, Failures>()

  /**
   * @param max    failures that a window allows; Infinity for no bound
   * @param keyOf  what addresses of one client have in common
   */
  constructor ({ max, windowMs }: { max: number, windowMs: number }, keyOf: (address: string) => string, now: () => number = Date.now) {
    this.#max = max
    this.#windowMs = windowMs
    this.#keyOf = keyOf
    this.#now = now
  }

  /** Lets a scheme look at a request, unless too many from its address have failed. */
  watch (request: AuthRequest, scheme: AuthScheme): Consumer | Promise<Consumer> {
    if (this.#max === Infinity) return scheme.authenticate(request)
    const key = this.#keyOf(request.ip)
    this.#admit(key)
    try {
      const found = scheme.authenticate(request)
      return found instanceof Promise ? found.catch((error: unknown) => this.#failed(key, error, scheme, request)) : found
    } catch (error) {
      return this.#failed(key, error, scheme, request)
    }
  }

  #admit (key: string): void {
    const failures = this.#failures.get(key)
    if (failures === undefined || failures.count < this.#max) return
    const left = failures.end - this.#now()
    if (left <= 0 || left > this.#windowMs) this.#failures.delete(key)
    else throw gatehouseError('GW_TOO_MANY_FAILURES', { headers: { 'retry-after': String(Math.max(1, Math.ceil(left / 1000))) } })
  }

  #failed (key: string, error: unknown, scheme: AuthScheme, request: AuthRequest): never {
    if ((error as { code?: string }).code === 'GW_UNAUTHORIZED' && scheme.isPresented(request)) {
      const now = this.#now()
      let failures = this.#failures.get(key)
      if (failures === undefined || now >= failures.end) {
        this.#failures.delete(key)
        if (this.#failures.size >= REMEMBERED) this.#failures.delete(this.#failures.keys().next().value!)
        failures = { count: 0, end: now + this.#windowMs }
        this.#failures.set(key, failures)
      }
      failures.count++
    }
    throw error
  }
}
