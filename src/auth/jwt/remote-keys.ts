import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { authUnavailable } from '../challenge.ts'
import type { FetchKeys } from './issuer-documents.ts'
import type { KeyReading } from './jwk-set.ts'
import { KeySet, type KeySource } from './key-source.ts'
import type { VerificationKey } from './verification-key.ts'

/** Shortest pause after a failure, in milliseconds; it is the longest too as long as there are no keys at all. */
const SHORTEST_PAUSE = 1000
/** What a timer can hold. */
const LONGEST_PAUSE = 2 ** 31 - 1

export interface RemoteKeysOptions {
  /** Whose keys they are, for the log. */
  name: string
  fetchKeys: FetchKeys
  /** Makes keys of what was fetched. Throws when it is nothing of the kind. */
  read: (document: unknown) => KeyReading
  /** Milliseconds between two looks in the background. */
  refreshMs: number
  /** Milliseconds for which unknown keys do not cause a second fetch; and the pause after a failure. */
  cooldownMs: number
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds of a clock that nobody sets back. */
  now?: () => number
}

/**
 * Keys that an issuer publishes. They are fetched in the background; a token with an unknown key has them fetched at
 * once, which a flood of such tokens can bring about only so often. While the issuer is away those that are known go
 * on.
 */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions
  readonly #now: () => number
  readonly #set = new KeySet()
  #isKnown = false
  #ignored = ''
  /** Of the last attempt. */
  #failure: unknown
  /** From when on a request may cause an attempt: before there are keys, and after. */
  #firstFrom = -Infinity
  #renewFrom = -Infinity
  #refreshing: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #mode: 'idle' | 'running' | 'stopped' = 'idle'

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Begins to fetch in the background. Without it keys are fetched only when a request needs them. */
  start(): void {
    this.#mode = 'running'
    // a failure has been reported, and is tried again
    this.#refresh().catch(() => {})
  }

  stop(): void {
    this.#mode = 'stopped'
    clearTimeout(this.#timer)
  }

  current(): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    if (this.#isKnown) return this.#set.current()
    if (this.#refreshing === null && this.#now() < this.#firstFrom) throw authUnavailable(this.#failure)
    return this.#afterRefresh()
  }

  renewed(): Promise<readonly VerificationKey[]> | null {
    if (this.#refreshing === null) {
      const now = this.#now()
      if (now < this.#renewFrom) {
        return this.#failure === undefined ? null : Promise.reject(authUnavailable(this.#failure))
      }
      this.#renewFrom = now + this.#options.cooldownMs
    }
    return this.#afterRefresh()
  }

  async #afterRefresh(): Promise<readonly VerificationKey[]> {
    await this.#refresh()
    if (this.#failure !== undefined) throw authUnavailable(this.#failure)
    return this.#set.current()
  }

  /** One attempt, however many ask for it; it never rejects. */
  #refresh(): Promise<void> {
    clearTimeout(this.#timer)
    this.#refreshing ??= this.#attempt().finally(() => {
      this.#refreshing = null
      if (this.#mode === 'running') this.#timer = setTimeout(() => this.#refresh(), this.#pause()).unref()
    })
    return this.#refreshing
  }

  #pause(): number {
    const { refreshMs, cooldownMs } = this.#options
    if (this.#failure === undefined) return Math.min(refreshMs, LONGEST_PAUSE)
    return Math.min(refreshMs, this.#isKnown ? Math.max(cooldownMs, SHORTEST_PAUSE) : SHORTEST_PAUSE)
  }

  async #attempt(): Promise<void> {
    const { name, fetchKeys, read, log } = this.#options
    try {
      const reading = read(await fetchKeys())
      this.#takeOver(reading)
      if (this.#failure !== undefined) log.info({ issuer: name }, 'the keys of the issuer can be fetched again')
      this.#failure = undefined
    } catch (error) {
      // told once, not with each attempt; whoever stops breaks a fetch off
      if (this.#failure === undefined && this.#mode !== 'stopped') {
        log.error(
          { issuer: name, reason: reasonOf(error) },
          `the keys of the issuer cannot be fetched: ${this.#isKnown ? 'those that are known go on' : 'its tokens cannot be checked'}`,
        )
      }
      this.#failure = error
      this.#firstFrom = this.#now() + this.#pause()
    }
  }

  #takeOver({ keys, ignored }: KeyReading): void {
    const { name, log } = this.#options
    const changed = this.#set.replace(keys)
    this.#isKnown = true
    if (changed) {
      log.info(
        {
          issuer: name,
          keys: keys.map(({ kid, algorithms }) => `${kid?.slice(0, 60) ?? '(no kid)'} ${algorithms.join(',')}`),
        },
        'took over the keys of the issuer',
      )
    }
    if (keys.length === 0) log.error({ issuer: name }, 'the issuer has no key that can be used: its tokens are refused')
    // told once, not with each look
    const told = ignored.join('\n')
    if (ignored.length > 0 && told !== this.#ignored) {
      log.warn({ issuer: name, ignored }, 'keys of the issuer are of no use here')
    }
    this.#ignored = told
  }
}
