import { hash } from 'node:crypto'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { AccountPace } from './account-pace.ts'
import type { Consumer } from './auth-schema.ts'
import { authUnavailable } from './challenge.ts'
import { FailureTallies, type SharedCount, type SharedFailures } from './failure-counts.ts'
import type { AuthRequest, AuthScheme } from './scheme.ts'

/** Most keys (address and scheme, with or without an account) that are remembered. */
const REMEMBERED = 100_000
/**
 * Most attempts of one address in flight at a scheme with accounts: its passwords are hashed in a queue that all share.
 */
const AT_ONCE = 8
/** Most requests that wait for the outcome of others, of one address and in all. */
const WAITING_OF_ONE = 1000
const WAITING = 10_000
/** Longest that a request waits for the outcome of others, in milliseconds. */
const LONGEST_WAIT = 60_000

interface Waiting {
  attempt: AuthAttempt
  until: number
  resolve: (found: Consumer | Promise<Consumer>) => void
  reject: (error: unknown) => void
}

/** Failures that a window allows. */
export interface FailureBound {
  /** Infinity for no bound. */
  max: number
  windowMs: number
}

export interface FailedAttemptsOptions {
  /** What several gateways share; absent when each counts for itself. */
  shared?: SharedFailures
  /** Milliseconds of a clock that nobody sets back. */
  now?: () => number
  /** Resolves after so many milliseconds. */
  pause?: (ms: number) => Promise<void>
}

/** Lets a scheme look at a request without counting anything. */
export const UNCOUNTED: Pick<FailedAttempts, 'watch'> = { watch: (request, scheme) => scheme.authenticate(request) }

/**
 * Bounds how often wrong credentials may be sent, so that neither guessing nor flooding with bad signatures pays.
 * Wrong credentials are counted by scheme and address; where a scheme has accounts (Basic), by account and address,
 * with a looser bound for the address as a whole. Missing credentials, those that cannot be guessed (`unguessable`),
 * errors that say nothing about the credentials, and credentials that are known already (`recall`) never count.
 *
 * An attempt reserves its possible failure before the scheme looks at it, and gives it back unless it fails. So of any
 * number of guesses at once exactly as many are looked at as may fail. When all that is left is reserved, a request
 * waits for the outcome of those in flight, so a burst of valid requests is not refused.
 */
export class FailedAttempts {
  readonly #max: number
  readonly #keyOf: (address: string) => string
  readonly #now: () => number
  readonly #pause: (ms: number) => Promise<void>
  readonly #shared: SharedFailures | undefined
  readonly #tallies: FailureTallies
  readonly #pace: AccountPace
  /** By scheme and address; there are some only while an attempt of these is in flight. */
  readonly #waiting = new Map<string, Waiting[]>()
  #waitingInAll = 0

  /**
   * @param keyOf  what addresses of one client have in common
   */
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
   * Lets a scheme look at a request, unless too many like it have failed.
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
    // before it is slowed down, so that what is refused anyway does not wait
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

  /** The refusal of an attempt whose bound is reached; null when it is not. */
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
    let found: Consumer | Promise<Consumer>
    try {
      found = scheme.authenticate(request)
    } catch (error) {
      this.#ended(attempt, error)
      throw error
    }
    if (!(found instanceof Promise)) {
      this.#ended(attempt, null)
      return found
    }
    return found.then(
      (consumer) => {
        this.#ended(attempt, null)
        return consumer
      },
      (error: unknown) => {
        this.#ended(attempt, error)
        throw error
      },
    )
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
    this.#shared
      ?.add(keys)
      .then((counts) => this.#merge(keys, counts))
      .catch(() => {})
  }

  /** Takes over what other gateways have counted. */
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

  /** An attempt of this scheme and address has ended: those that wait for it start, are refused, or wait on. */
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
    // what another request has found out meanwhile
    const known = attempt.scheme.recall?.(attempt.request)
    if (known) return resolve(known)
    const refusal = this.#refusal(attempt)
    if (refusal !== null) throw refusal
    if (this.#hasRoom(attempt)) return resolve(this.#run(attempt))
    if (this.#now() > until) throw authUnavailable(new Error('requests before it take too long'))
    this.#wait(waiting)
  }
}

const timer = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })

/** How many times `max` one address may fail at all accounts of a scheme, and one account from all addresses. */
export const SPREAD = 10

/** One look at the credentials of a request. */
export interface AuthAttempt {
  request: AuthRequest
  scheme: AuthScheme
  /** Whose failures it may add to; the last key is that of scheme and address alone. */
  keys: readonly string[]
  /** The most failures that each key may have. */
  bounds: readonly number[]
  /** The account over all addresses; null for schemes without accounts. */
  account: string | null
}

/**
 * What a request counts as when a scheme looks at it.
 * @param client  what addresses of one client have in common
 * @param max     failures that a window allows
 */
export function authAttempt(request: AuthRequest, scheme: AuthScheme, client: string, max: number): AuthAttempt {
  const address = `${scheme.name}:${client}`
  if (scheme.account === undefined) return { request, scheme, keys: [address], bounds: [max], account: null }
  const name = scheme.account(request)
  if (name === null) return { request, scheme, keys: [address], bounds: [max * SPREAD], account: null }
  // a client decides how long a name is
  const digest = hash('sha256', name, 'base64url')
  const account = `${scheme.name}:${digest}`
  return { request, scheme, keys: [`${address}:${digest}`, address], bounds: [max, max * SPREAD], account }
}
