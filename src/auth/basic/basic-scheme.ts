import { createHmac, randomBytes } from 'node:crypto'
import { gatehouseError, type GatehouseError, BootProblems, type Problem } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { configuredConsumer } from '../claims.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import { isRepeated } from '../credentials.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import { HashQueue, parsePasswordHash, type PasswordHash } from './password-hash.ts'
import type { BasicUser } from './basic-schema.ts'

/** Longest header that is parsed, in characters. */
const LONGEST = 2048
/** Most correct passwords that are remembered. */
const REMEMBERED = 10_000
const PRESENTED = /^Basic(?: |$)/i
const CREDENTIALS = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i
// a byte order mark is an ordinary character in a password
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Names and passwords in the `Authorization` header (RFC 7617). */
export class BasicScheme implements AuthScheme {
  readonly name = 'basic'
  readonly challenge = 'Basic realm="gatehouse", charset="UTF-8"'
  readonly credentials = { headers: ['authorization'] }
  readonly isAmbient = true
  readonly security = { type: 'http', scheme: 'basic' }
  readonly #rememberMs: number
  readonly #now: () => number
  /** Salts the digests of remembered passwords, so that they are useless to an attacker who reads memory. */
  readonly #salt = randomBytes(32)
  readonly #queue = new HashQueue()
  /** One hash for concurrent requests with a password: browsers open several connections at once. */
  readonly #running = new Map<string, Promise<KnownUser | null>>()
  #remembered!: ExpiringCache<KnownUser>
  #users!: ReadonlyMap<string, KnownUser>
  #all!: readonly KnownUser[]

  /** @param rememberMs  milliseconds for which a correct password is not hashed again */
  constructor(rememberMs: number, now: () => number = Date.now) {
    this.#rememberMs = rememberMs
    this.#now = now
    this.replace(new Map())
  }

  /** Replaces the users and drops remembered passwords. */
  replace(users: ReadonlyMap<string, KnownUser>): void {
    this.#users = users
    this.#all = [...users.values()]
    this.#remembered = new ExpiringCache(REMEMBERED, this.#now)
    this.#running.clear()
  }

  isPresented({ headers: { authorization } }: AuthRequest): boolean {
    return typeof authorization === 'string' && PRESENTED.test(authorization)
  }

  /** The normalized name, so that other spellings share its count of failures. */
  account({ headers: { authorization = '' } }: AuthRequest): string | null {
    return authorization.length > LONGEST ? null : (pairOf(authorization)?.name ?? null)
  }

  /**
   * There is no `recall`: a client that is locked out must not be able to test guesses against remembered passwords.
   */
  authenticate({ headers: { authorization = '' }, raw: { rawHeaders } }: AuthRequest): Consumer | Promise<Consumer> {
    // Node keeps only the first of several headers
    if (authorization.length > LONGEST || isRepeated(rawHeaders, 'authorization')) throw this.#refusal()
    const pair = pairOf(authorization)
    if (pair === null) throw this.#refusal()
    const digest = createHmac('sha256', this.#salt).update(`${pair.name}:${pair.password}`).digest('base64')
    return this.#remembered.get(digest)?.consumer ?? this.#verify(digest, pair)
  }

  async #verify(digest: string, { name, password }: { name: string; password: string }): Promise<Consumer> {
    let running = this.#running.get(digest)
    if (running === undefined) {
      running = this.#hash(name, password)
      this.#running.set(digest, running)
      running
        .finally(() => {
          if (this.#running.get(digest) === running) this.#running.delete(digest)
        })
        .catch(() => {})
    }
    const user = await running
    if (user === null) throw this.#refusal()
    // not if the users have been replaced meanwhile
    if (this.#users.get(name) === user) this.#remembered.set(digest, user, this.#now() + this.#rememberMs)
    return user.consumer
  }

  /**
   * For an unknown name, hashes with the parameters of some user (always the same), so that timing reveals no names.
   */
  async #hash(name: string, password: string): Promise<KnownUser | null> {
    const user = this.#users.get(name)
    const hashed =
      user ?? this.#all[createHmac('sha256', this.#salt).update(name).digest().readUInt32LE() % this.#all.length]
    const same = hashed !== undefined && (await this.#queue.run(() => hashed.hash.matches(password)))
    return same && user !== undefined ? user : null
  }

  #refusal(): GatehouseError {
    return gatehouseError('GW_UNAUTHORIZED', {
      detail: 'Send a valid name and password (HTTP Basic) in the Authorization header.',
      headers: { 'www-authenticate': this.challenge },
    })
  }
}

/** Name and password of a header as NFC text; null when it is malformed (RFC 7617, section 2). */
function pairOf(authorization: string): { name: string; password: string } | null {
  const encoded = CREDENTIALS.exec(authorization)?.[1]
  if (encoded === undefined) return null
  let text: string
  try {
    text = UTF8.decode(Buffer.from(encoded, 'base64')).normalize('NFC')
  } catch {
    return null
  }
  const colon = text.indexOf(':')
  // eslint-disable-next-line no-control-regex
  if (colon < 1 || /[\x00-\x1F\x7F]/.test(text)) return null
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A user with the parsed hash. */
export interface KnownUser {
  hash: PasswordHash
  consumer: Consumer
}

/**
 * Compiles entries that their schema has accepted. Returns the users by name.
 * @param file  the file they are from, for the messages
 * @param at    field of the list in that file, such as `basic.users`
 * @throws BootProblems with every mistake
 */
export function compileUsers(entries: readonly BasicUser[], file: string, at = ''): ReadonlyMap<string, KnownUser> {
  const problems: Problem[] = []
  const users = new Map<string, KnownUser>()
  const names = new Set<string>()
  for (const [i, { name: given, password, ...grants }] of entries.entries()) {
    const name = given.normalize('NFC')
    if (names.has(name)) {
      problems.push({
        file,
        field: `${at}[${i}].name`,
        message: `found ${JSON.stringify(name)} a second time: give each user once`,
      })
    }
    names.add(name)
    const hash = parsePasswordHash(password)
    if (typeof hash === 'string') problems.push({ file, field: `${at}[${i}].password`, message: hash })
    else users.set(name, { hash, consumer: configuredConsumer(name, 'basic', { name }, grants) })
  }
  if (problems.length > 0) throw new BootProblems(problems)
  return users
}
