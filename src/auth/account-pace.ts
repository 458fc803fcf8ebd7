import { gatehouseError } from '../errors.ts'
import { ExpiringCache } from './expiring-cache.ts'
import { FailureTallies } from './failure-counts.ts'

/** Milliseconds between two attempts at an account that is slowed down. */
const SPACING = 1000
/** Longest wait of an attempt, in milliseconds; attempts that would wait longer are refused. */
const LONGEST_WAIT = 10_000
/** Most pairs of address and account that are remembered as successful, and for how long, in milliseconds. */
const REMEMBERED = 10_000
const REMEMBERED_FOR = 24 * 60 * 60_000
/** Most accounts that are slowed down at once. */
const ACCOUNTS = 10_000

/**
 * Slows down guesses at one account from many addresses, each of which stays below its own bound. An account is never
 * locked: past the bound one attempt a second is let through, and addresses that have logged in before do not wait. So
 * an attacker cannot lock the owner out.
 */
export class AccountPace {
  readonly #max: number
  readonly #now: () => number
  readonly #failures: FailureTallies
  /** When the next attempt at an account may start. */
  readonly #next: ExpiringCache<number>
  readonly #proven: ExpiringCache<true>

  /**
   * @param max  failures of an account within a window, from all addresses, after which attempts are slowed down
   * @param now  milliseconds of a monotonic clock
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
   * @param account  key of the account
   * @param pair     key of account and address
   * @throws GatehouseError `GW_TOO_MANY_FAILURES` when too many attempts at the account wait already
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
