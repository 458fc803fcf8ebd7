import { gatehouseError } from '../errors.ts'
import { ExpiringCache } from './expiring-cache.ts'
import { FailureTallies } from './failure-counts.ts'

/** Milliseconds between two attempts at an account under attack. */
const SPACING = 1000
/** Longest that an attempt is made to wait, in milliseconds; those past it are refused. */
const LONGEST_WAIT = 10_000
/** Pairs of address and account that have succeeded, and for how long they are remembered, in milliseconds. */
const REMEMBERED = 10_000
const REMEMBERED_FOR = 24 * 60 * 60_000
/** Most accounts under attack at once. */
const ACCOUNTS = 10_000

/**
 * Slows down guesses at one account that come from many addresses, each of which stays below its own bound. It never
 * locks an account: past the bound one attempt a second is let through, and addresses from which the account has been
 * used before do not wait at all, so an attacker cannot keep the owner out.
 */
export class AccountPace {
  readonly #max: number
  readonly #now: () => number
  readonly #failures: FailureTallies
  /** When the next attempt at an account may be made. */
  readonly #next: ExpiringCache<number>
  readonly #proven: ExpiringCache<true>

  /**
   * @param max  failures of an account that a window allows, from all addresses together, before attempts are slowed
   *             down
   * @param now  milliseconds of a clock that nobody sets back
   */
  constructor({ max, windowMs }: { max: number; windowMs: number }, size: number, now: () => number) {
    this.#max = max
    this.#now = now
    this.#failures = new FailureTallies(windowMs, size, now)
    this.#next = new ExpiringCache(ACCOUNTS, now)
    this.#proven = new ExpiringCache(REMEMBERED, now)
  }

  /**
   * How long an attempt has to wait, in milliseconds.
   * @param account  of a scheme
   * @param pair     the account with the address
   * @throws GatehouseError `GW_TOO_MANY_FAILURES` when too many wait for the account already
   */
  delay(account: string, pair: string): number {
    if (!this.#failures.has(account, this.#max) || this.#proven.get(pair)) return 0
    const now = this.#now()
    const at = Math.max(now, this.#next.get(account) ?? now)
    if (at - now > LONGEST_WAIT) {
      throw gatehouseError('GW_TOO_MANY_FAILURES', { headers: { 'retry-after': String(LONGEST_WAIT / 1000) } })
    }
    this.#next.set(account, at + SPACING, at + SPACING)
    return at - now
  }

  succeeded(pair: string): void {
    this.#proven.set(pair, true, this.#now() + REMEMBERED_FOR)
  }

  failed(account: string): void {
    this.#failures.get(account).failures++
  }
}
