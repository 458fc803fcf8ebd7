import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { authUnavailable } from '../challenge.ts'
import type { RevocationSettings } from './jwt-schema.ts'
import { isIssuedBefore, type Revocations, subjectsOf } from './revocation-list.ts'
import { INSTANT } from './revocation-schema.ts'
import type { VerifiedToken } from './token-verifier.ts'

/** Before each key; the braces keep all of them on one node of a cluster, so that one command reads them. */
const PREFIX = '{gatehouse}:revoked:'
const TIME = new RegExp(INSTANT)

/** What is needed of a Redis client. */
export interface RevocationRedis {
  status: string
  connect(): Promise<unknown>
  mget(keys: string[]): Promise<(string | null)[]>
}

export interface RedisRevocationsOptions {
  /** The client; null as long as there is none. */
  redis: () => RevocationRedis | null
  /** Milliseconds for which an answer is believed. */
  freshMs: number
  onFailure: RevocationSettings['onFailure']
  log: Pick<FastifyBaseLogger, 'info' | 'error'>
  /** Milliseconds of a clock that nobody sets back. */
  now?: () => number
}

/** What Redis has said of a token. */
interface Answer {
  isRevoked: boolean
  at: number
}

/**
 * Revocations in Redis: a key for each `jti` and each subject. The key of a token is enough by its being there; so is
 * that of a subject, unless its value is a time: then tokens that were issued before it are meant.
 */
export class RedisRevocations implements Revocations {
  readonly #options: RedisRevocationsOptions
  readonly #now: () => number
  // by the verified token, so that an answer goes when the token is forgotten
  readonly #answers = new WeakMap<VerifiedToken, Answer>()
  readonly #asked = new WeakMap<VerifiedToken, Promise<boolean>>()
  #isAway = false

  constructor(options: RedisRevocationsOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  peek(token: VerifiedToken): boolean | null {
    const answer = this.#answers.get(token)
    if (answer === undefined) return null
    const age = this.#now() - answer.at
    const { freshMs } = this.#options
    if (age >= freshMs) return null
    // ahead of time, so that a token in use need not wait; should it fail, the answer at hand holds as long as it would
    // have
    if (age >= freshMs / 2 && !this.#asked.has(token)) this.ask(token).catch(() => {})
    return answer.isRevoked
  }

  /** One question for all who show a token at the same time. */
  ask(token: VerifiedToken): Promise<boolean> {
    let asked = this.#asked.get(token)
    if (asked === undefined) {
      asked = this.#ask(token).finally(() => this.#asked.delete(token))
      this.#asked.set(token, asked)
    }
    return asked
  }

  async #ask(token: VerifiedToken): Promise<boolean> {
    const at = this.#now()
    const { jti } = token.consumer.claims
    const ofToken = typeof jti === 'string' ? [`${PREFIX}jti:${jti}`] : []
    let values: (string | null)[]
    try {
      values = await this.#read([...ofToken, ...subjectsOf(token).map((subject) => `${PREFIX}sub:${subject}`)])
    } catch (error) {
      return this.#failed(error)
    }
    if (this.#isAway) this.#options.log.info('revocations can be read again')
    this.#isAway = false
    const isRevoked = values.some(
      (value, i) => value !== null && (i < ofToken.length || isIssuedBefore(token, timeIn(value))),
    )
    this.#answers.set(token, { isRevoked, at })
    return isRevoked
  }

  async #read(keys: string[]): Promise<(string | null)[]> {
    const redis = this.#options.redis()
    if (redis?.status === 'wait') redis.connect().catch(() => {})
    // the client would say the same, with a stack that nobody reads
    if (redis?.status !== 'ready') throw AWAY
    return redis.mget(keys)
  }

  #failed(error: unknown): boolean {
    const { onFailure, log } = this.#options
    const passes = onFailure === 'open'
    if (!this.#isAway) {
      log.error(
        { reason: reasonOf(error) },
        `revocations cannot be read: tokens of which nothing is known ${passes ? 'pass' : 'are answered 503'}`,
      )
    }
    this.#isAway = true
    if (passes) return false
    throw authUnavailable(error)
  }
}

/** Milliseconds since 1970; what is no time of the calendar means all tokens. */
const timeIn = (value: string): number =>
  TIME.test(value) && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : Infinity

const AWAY = new Error('Redis is away')
