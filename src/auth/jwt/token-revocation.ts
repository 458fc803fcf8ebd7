import type { FastifyBaseLogger } from 'fastify'
import Type, { type Static } from 'typebox'
import type { VerifiedToken } from './token-verifier.ts'
import { reasonOf } from '../../errors.ts'
import { readyClient } from '../../redis/ready-client.ts'
import { authUnavailable } from '../challenge.ts'
import type { RevocationSettings } from './jwt-schema.ts'

/** A time; a date means its first moment, UTC. */
export const INSTANT = '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$'

/** Content of a revocation file. */
export const RevocationEntries = Type.Array(
  Type.Union(
    [
      Type.Object(
        {
          jti: Type.String({ minLength: 1, description: 'The `jti` of the token.' }),
        },
        { additionalProperties: false, description: 'One token.' },
      ),
      Type.Object(
        {
          sub: Type.String({ minLength: 1, description: 'The `sub` of the tokens, or the id of the consumer.' }),
          before: Type.Optional(
            Type.String({
              pattern: INSTANT,
              title: 'date such as "2027-01-31", or time such as "2027-01-31T12:00:00Z"',
              description: 'Only tokens that were issued before this time, or that do not state when. Default: all.',
            }),
          ),
        },
        { additionalProperties: false, description: 'All tokens of a consumer.' },
      ),
    ],
    { title: '{ jti: text } or { sub: text, before: time }' },
  ),
)
export type RevocationEntries = Static<typeof RevocationEntries>

/** A source of revocations: valid tokens that are refused nevertheless. */
export interface Revocations {
  /** Whether a token is revoked, if that is known; null when `ask` is needed. */
  peek(token: VerifiedToken): boolean | null
  /** @throws GatehouseError `GW_AUTH_UNAVAILABLE` when the source is not available */
  ask(token: VerifiedToken): Promise<boolean>
}

/** The names by which a token can be revoked as that of a subject: its `sub`, and the id of its consumer. */
const subjectsOf = ({ consumer: { id, claims } }: VerifiedToken): string[] =>
  typeof claims.sub === 'string' && claims.sub !== id ? [claims.sub, id] : [id]

/**
 * Whether a token was issued before a time; one without `iat` counts as issued before.
 * @param before  milliseconds since 1970
 */
const isIssuedBefore = ({ consumer: { claims } }: VerifiedToken, before: number): boolean =>
  typeof claims.iat !== 'number' || claims.iat * 1000 < before

/** The revocations of a file. They are replaced as a whole. */
export class RevocationList implements Revocations {
  #tokens: ReadonlySet<string> = new Set()
  /** Subject to milliseconds since 1970: its tokens issued before are revoked. Infinity for all of them. */
  #subjects: ReadonlyMap<string, number> = new Map()

  replace(entries: RevocationEntries): void {
    const subjects = new Map<string, number>()
    for (const entry of entries) {
      if (!('sub' in entry)) continue
      const before = entry.before === undefined ? Infinity : Date.parse(entry.before)
      // a date that does not exist revokes all tokens, to be on the safe side
      subjects.set(entry.sub, Math.max(subjects.get(entry.sub) ?? 0, Number.isNaN(before) ? Infinity : before))
    }
    this.#tokens = new Set(entries.flatMap((entry) => ('jti' in entry ? [entry.jti] : [])))
    this.#subjects = subjects
  }

  peek(token: VerifiedToken): boolean {
    const { jti } = token.consumer.claims
    if (typeof jti === 'string' && this.#tokens.has(jti)) return true
    if (this.#subjects.size === 0) return false
    return subjectsOf(token).some((subject) => {
      const before = this.#subjects.get(subject)
      return before !== undefined && isIssuedBefore(token, before)
    })
  }

  async ask(token: VerifiedToken): Promise<boolean> {
    return this.peek(token)
  }
}

/** Prefix of each key. The braces keep all keys on one node of a cluster, so that one command can read them. */
const PREFIX = '{gatehouse}:revoked:'
const TIME = new RegExp(INSTANT)

/** The part of a Redis client that is used. */
export interface RevocationRedis {
  status: string
  connect(): Promise<unknown>
  mget(keys: string[]): Promise<(string | null)[]>
}

export interface RedisRevocationsOptions {
  /** The client; null until it exists. */
  redis: () => RevocationRedis | null
  /** Milliseconds for which an answer is used. */
  freshMs: number
  onFailure: RevocationSettings['onFailure']
  log: Pick<FastifyBaseLogger, 'info' | 'error'>
  /** Milliseconds of a monotonic clock. */
  now?: () => number
}

/** The answer of Redis about a token. */
interface Answer {
  isRevoked: boolean
  at: number
}

/**
 * Revocations in Redis: a key for each `jti` and each subject. The key of a `jti` revokes its token, whatever its
 * value. That of a subject revokes all tokens, or, if its value is a time, those issued before.
 */
export class RedisRevocations implements Revocations {
  readonly #options: RedisRevocationsOptions
  readonly #now: () => number
  // keyed by the verified token, so that an answer is dropped with the cached token
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
    // refreshed early, so that a token in use never waits; if that fails, this answer stays valid until it is stale
    if (age >= freshMs / 2 && !this.#asked.has(token)) this.ask(token).catch(() => {})
    return answer.isRevoked
  }

  /** One lookup for all concurrent requests with a token. */
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
    return readyClient(this.#options.redis()).mget(keys)
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

/** Milliseconds since 1970; Infinity, which means all tokens, for a value that is not a valid time. */
const timeIn = (value: string): number =>
  TIME.test(value) && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : Infinity
