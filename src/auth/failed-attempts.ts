import { setTimeout as delay } from 'node:timers/promises'
import { hash } from 'node:crypto'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { AccountPace } from './account-pace.ts'
import type { Consumer } from './auth-schema.ts'
import { authUnavailable } from './challenge.ts'
import { FailureTallies, type SharedCount, type SharedFailures } from './failure-counts.ts'
import type { AuthRequest, AuthScheme } from './scheme.ts'

/** Most keys (address and scheme, with or without an account) whose failures are counted. */
const REMEMBERED = 100_000
/** Most attempts of one address in flight, for schemes with accounts: all addresses share the queue of hashing. */
const AT_ONCE = 8
/** Most requests that wait for the outcome of others: of one address, and in total. */
const WAITING_OF_ONE = 1000
const WAITING = 10_000
/** Longest that a request waits for the outcome of others, in milliseconds. */
const LONGEST_WAIT = 60_000

/** Multiple of `max` that one address may fail over all accounts, and one account over all addresses. */
const SPREAD = 10

/** One check of the credentials of a request. */
interface AuthAttempt {
  request: AuthRequest
  scheme: AuthScheme
  /** The keys under which a failure counts. The last one is that of scheme and address. */
  keys: readonly string[]
  /** Most failures of each key. */
  bounds: readonly number[]
  /** Key of the account over all addresses; null without an account. */
  account: string | null
}

interface Waiting {
  attempt: AuthAttempt
  until: number
  resolve: (found: Consumer | Promise<Consumer>) => void
  reject: (error: unknown) => void
}

/** How many failures a window allows. */
export interface FailureBound {
  /** Infinity: unlimited. */
  max: number
  windowMs: number
}

export interface FailedAttemptsOptions {
  /** Counts shared with other gateways. Default: none. */
  shared?: SharedFailures
  /** Milliseconds of a monotonic clock. */
  now?: () => number
  /** Resolves after so many milliseconds. */
  pause?: (ms: number) => Promise<void>
}

/** Authenticates without counting failures. */
export const UNCOUNTED: Pick<FailedAttempts, 'watch'> = { watch: (request, scheme) => scheme.authenticate(request) }

/**
 * Limits how often wrong credentials may be sent, against guessing and against floods of bad signatures. Failures are
 * counted by scheme and address; for schemes with accounts (Basic) by account and address, with a looser bound for the
 * address. Not counted are missing credentials, credentials of `unguessable` schemes, errors other than
 * `GW_UNAUTHORIZED`, and credentials that were verified before (`recall`).
 *
 * An attempt reserves one failure before it runs, and returns it if it succeeds. So concurrent guesses cannot exceed
 * the bound. When everything that is left is reserved, a request waits for the attempts in flight: a burst of valid
 * requests is not refused.
 */
export class FailedAttempts {
  readonly #max: number
  readonly #keyOf: (address: string) => string
  readonly #now: () => number
  readonly #pause: (ms: number) => Promise<void>
  readonly #shared: SharedFailures | undefined
  readonly #tallies: FailureTallies
  readonly #pace: AccountPace
  /** Waiting requests by scheme and address; only while an attempt with that key is in flight. */
  readonly #waiting = new Map<string, Waiting[]>()
  #waitingInAll = 0

  /** @param keyOf  maps addresses of the same client to one key, such as an IPv6 network */
  constructor(bound: FailureBound, keyOf: (address: string) => string, options: FailedAttemptsOptions = {}) {
    const { max, windowMs } = bound
    const { shared, now = () => performance.now(), pause = timer } = options
    this.#max = max
    this.#keyOf = keyOf
    this.#now = now
    this.#pause = pause
    this.#shared = shared
    this.#tallies = new FailureTallies(windowMs, REMEMBERED, now)
    this.#pace = new AccountPace({ max: max * SPREAD, windowMs }, REMEMBERED, now)
  }

  /**
   * Authenticates a request with a scheme, unless too many attempts have failed.
   * @throws GatehouseError `GW_TOO_MANY_FAILURES`
   */
  watch(request: AuthRequest, scheme: AuthScheme): Consumer | Promise<Consumer> {
    const isCounted = this.#max !== Infinity && !scheme.unguessable && scheme.isPresented(request)
    if (!isCounted) return scheme.authenticate(request)
    const attempt = authAttempt(request, scheme, this.#keyOf(request.ip), this.#max)
    const { account, keys } = attempt
    const delay = account === null ? 0 : this.#pace.delay(account, keys[0]!)
    return delay > 0 || this.#shared !== undefined ? this.#later(attempt, delay) : this.#enter(attempt)
  }

  async #later(attempt: AuthAttempt, delay: number): Promise<Consumer> {
    // checked before the wait too, so that an attempt that is refused anyway does not wait
    const refusal = this.#refusal(attempt)
    if (refusal !== null) throw refusal
    if (delay > 0) await this.#pause(delay)
    const unread = this.#shared === undefined ? [] : attempt.keys.filter((key) => !this.#tallies.get(key).isShared)
    if (unread.length > 0) this.#merge(unread, await this.#shared!.read(unread))
    return this.#enter(attempt)
  }

  #enter(attempt: AuthAttempt): Consumer | Promise<Consumer> {
    const refusal = this.#refusal(attempt)
    if (refusal !== null) throw refusal
    if (this.#hasRoom(attempt)) return this.#run(attempt)
    return new Promise((resolve, reject) => this.#wait({ attempt, until: this.#now() + LONGEST_WAIT, resolve, reject }))
  }

  /** The error for an attempt whose bound is reached; null below the bound. */
  #refusal({ keys, bounds }: AuthAttempt): GatehouseError | null {
    for (let i = 0; i < keys.length; i++) {
      if (!this.#tallies.has(keys[i]!, bounds[i]!)) continue
      const seconds = Math.ceil(this.#tallies.left(this.#tallies.get(keys[i]!)) / 1000)
      return gatehouseError('GW_TOO_MANY_FAILURES', { headers: { 'retry-after': String(Math.max(1, seconds)) } })
    }
    return null
  }

  #hasRoom({ keys, bounds, scheme }: AuthAttempt): boolean {
    if (scheme.account !== undefined && this.#tallies.get(keys.at(-1)!).reserved >= AT_ONCE) return false
    return keys.every((key, i) => {
      const { failures, reserved } = this.#tallies.get(key)
      return failures + reserved < bounds[i]!
    })
  }

  #run(attempt: AuthAttempt): Consumer | Promise<Consumer> {
    const { keys, scheme, request } = attempt
    for (const key of keys) this.#tallies.get(key).reserved++
    const failed = (error: unknown): never => {
      this.#ended(attempt, error)
      throw error
    }
    const succeeded = (consumer: Consumer): Consumer => {
      this.#ended(attempt, null)
      return consumer
    }
    let found: Consumer | Promise<Consumer>
    try {
      found = scheme.authenticate(request)
    } catch (error) {
      return failed(error)
    }
    return found instanceof Promise ? found.then(succeeded, failed) : succeeded(found)
  }

  #ended({ keys, account }: AuthAttempt, error: unknown): void {
    const isWrong = error !== null && (error as { code?: string }).code === 'GW_UNAUTHORIZED'
    for (const key of keys) {
      if (isWrong) this.#tallies.get(key).failures++
      this.#tallies.release(key)
    }
    if (isWrong) {
      if (account !== null) this.#pace.failed(account)
      this.#share(keys)
    } else if (error === null && account !== null) this.#pace.succeeded(keys[0]!)
    this.#wake(keys.at(-1)!)
  }

  #share(keys: readonly string[]): void {
    this.#shared?.add(keys).then(
      (counts) => this.#merge(keys, counts),
      () => {},
    )
  }

  /** Takes over the counts of other gateways. */
  #merge(keys: readonly string[], counts: readonly SharedCount[] | null): void {
    counts?.forEach(({ failures, leftMs }, i) => {
      const tally = this.#tallies.get(keys[i]!)
      tally.isShared = true
      if (failures > tally.failures) {
        tally.failures = failures
        tally.end = this.#now() + leftMs
      }
    })
  }

  #wait(waiting: Waiting): void {
    const key = waiting.attempt.keys.at(-1)!
    const queue = this.#waiting.get(key) ?? []
    if (queue.length >= WAITING_OF_ONE || this.#waitingInAll >= WAITING) {
      waiting.reject(authUnavailable(new Error('too many requests wait for the outcome of others of their address')))
      return
    }
    this.#waiting.set(key, queue)
    this.#waitingInAll++
    queue.push(waiting)
  }

  /** Called when an attempt has ended. Requests that waited for it start, are refused, or wait on. */
  #wake(key: string): void {
    const queue = this.#waiting.get(key)
    if (queue === undefined) return
    this.#waiting.delete(key)
    this.#waitingInAll -= queue.length
    for (const waiting of queue) {
      try {
        this.#start(waiting)
      } catch (error) {
        waiting.reject(error)
      }
    }
  }

  #start(waiting: Waiting): void {
    const { attempt, until, resolve } = waiting
    // another request has verified the same credentials meanwhile
    const known = attempt.scheme.recall?.(attempt.request)
    if (known) return resolve(known)
    const refusal = this.#refusal(attempt)
    if (refusal !== null) throw refusal
    if (this.#hasRoom(attempt)) return resolve(this.#run(attempt))
    if (this.#now() > until) throw authUnavailable(new Error('requests before it take too long'))
    this.#wait(waiting)
  }
}

const timer = (ms: number): Promise<void> => delay(ms, undefined, { ref: false })

/**
 * The keys and bounds of an attempt.
 * @param client  key of the address
 * @param max     failures that a window allows
 */
function authAttempt(request: AuthRequest, scheme: AuthScheme, client: string, max: number): AuthAttempt {
  const address = `${scheme.name}:${client}`
  if (scheme.account === undefined) return { request, scheme, keys: [address], bounds: [max], account: null }
  const name = scheme.account(request)
  if (name === null) return { request, scheme, keys: [address], bounds: [max * SPREAD], account: null }
  // hashed, since clients choose the length of a name
  const digest = hash('sha256', name, 'base64url')
  const account = `${scheme.name}:${digest}`
  return { request, scheme, keys: [`${address}:${digest}`, address], bounds: [max, max * SPREAD], account }
}
