import { createHmac, randomBytes } from 'node:crypto'
import { gatehouseError, type GatehouseError, BootProblems, type Problem } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import { isRepeated } from '../credentials.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import { HashQueue, parsePasswordHash, type PasswordHash } from './password-hash.ts'
import type { BasicUser } from './basic-schema.ts'

/** Longest header that is looked at, in characters. */
const LONGEST = 2048
/** Most right passwords that are remembered. */
const REMEMBERED = 10_000
const PRESENTED = /^Basic(?: |$)/i
const CREDENTIALS = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i
// the byte order mark is a character like any other in a password
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
  /** So that what is remembered tells nothing to whoever gets hold of it. */
  readonly #salt = randomBytes(32)
  readonly #queue = new HashQueue()
  /** A browser opens several connections at once: all of them wait for one hash. */
  readonly #running = new Map<string, Promise<KnownUser | null>>()
  #remembered!: ExpiringCache<KnownUser>
  #users!: ReadonlyMap<string, KnownUser>
  #all!: readonly KnownUser[]

  /** @param rememberMs  for how long a right password is not hashed again */
  constructor(rememberMs: number, now: () => number = Date.now) {
    this.#rememberMs = rememberMs
    this.#now = now
    this.replace(new Map())
  }

  /** Takes these users for those before; passwords are hashed anew. */
  replace(users: ReadonlyMap<string, KnownUser>): void {
    this.#users = users
    this.#all = [...users.values()]
    this.#remembered = new ExpiringCache(REMEMBERED, this.#now)
    this.#running.clear()
  }

  isPresented({ headers: { authorization } }: AuthRequest): boolean {
    return typeof authorization === 'string' && PRESENTED.test(authorization)
  }

  /** The name, in the form in which users are looked up, so that no other spelling of it has a count of its own. */
  account({ headers: { authorization = '' } }: AuthRequest): string | null {
    return authorization.length > LONGEST ? null : (pairOf(authorization)?.name ?? null)
  }

  /**
   * There is no `recall`: passwords can be guessed, and whoever has failed too often must not go on guessing at those
   * that happen to be remembered.
   */
  authenticate({ headers: { authorization = '' }, raw: { rawHeaders } }: AuthRequest): Consumer | Promise<Consumer> {
    // Node keeps the first of several
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
    // unless the users have changed meanwhile
    if (this.#users.get(name) === user) this.#remembered.set(digest, user, this.#now() + this.#rememberMs)
    return user.consumer
  }

  /** A stranger's password is hashed as that of one of the users would be, and always the same one for a name. */
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

/** Name and password of a header, in UTF-8 and composed; null when it has none in the form of RFC 7617, section 2. */
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

/** A user as passwords are held against it. */
export interface KnownUser {
  hash: PasswordHash
  consumer: Consumer
}

/**
 * Makes users of entries that their schema has accepted, by their names.
 * @param file  where they stand, for the messages
 * @param at    field of the list in it, such as `basic.users`
 * @throws BootProblems with everything that is wrong
 */
export function compileUsers(entries: readonly BasicUser[], file: string, at = ''): ReadonlyMap<string, KnownUser> {
  const problems: Problem[] = []
  const users = new Map<string, KnownUser>()
  const names = new Set<string>()
  for (const [i, { name: given, password, scopes = [], groups = [] }] of entries.entries()) {
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
    else {
      const consumer = {
        id: name,
        scheme: 'basic' as const,
        scopes: Object.freeze([...scopes]),
        groups: Object.freeze([...groups]),
        claims: Object.freeze({ name }),
      }
      users.set(name, { hash, consumer: Object.freeze(consumer) })
    }
  }
  if (problems.length > 0) throw new BootProblems(problems)
  return users
}
