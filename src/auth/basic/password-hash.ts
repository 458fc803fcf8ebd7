import { argon2, type Argon2Parameters, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { authUnavailable } from '../challenge.ts'

/** A parsed password hash. */
export interface PasswordHash {
  /** Whether this is the password. */
  matches(password: string): Promise<boolean>
}

const argon2Of = promisify(argon2)
const scryptOf = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt)

/** Parameters of new hashes, as OWASP recommends (Password Storage Cheat Sheet): memory in KiB, passes over it. */
const MADE = { memory: 19_456, passes: 2, parallelism: 1 }
/** Most memory of one hash, in bytes. */
const MOST_MEMORY = 256 * 1024 ** 2
/**
 * Least work of an argon2id hash (KiB times passes) and of a scrypt hash (N times r times p). Cheaper ones are broken
 * too easily.
 */
const LEAST_ARGON2 = 35_000
const LEAST_SCRYPT = 2 ** 17

/** Normalized to NFC, since keyboards differ in how they compose characters (RFC 8265, section 4.2.2). */
const composed = (password: string): string => password.normalize('NFC')

/** A new argon2id hash of a password (RFC 9106), in the PHC string format. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const digest = await argon2Of('argon2id', { message: composed(password), nonce, tagLength: 32, ...MADE })
  return `$argon2id$v=19$m=${MADE.memory},t=${MADE.passes},p=${MADE.parallelism}$${unpadded(nonce)}$${unpadded(digest)}`
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

const ARGON2ID = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,3}),p=(\d{1,3})\$([\w+/]{11,86})\$([\w+/]{22,86})$/
const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([\w+/]{11,86})\$([\w+/]{22,86})$/

/**
 * Parses a hash in the PHC string format, argon2id or scrypt (RFC 7914).
 * @returns a message, which does not show the hash, when it cannot be used
 */
export function parsePasswordHash(text: string): PasswordHash | string {
  const [, m, t, lanes, nonce, tag] = ARGON2ID.exec(text) ?? []
  if (tag !== undefined) {
    return argon2Hash(
      { memory: Number(m), passes: Number(t), parallelism: Number(lanes), nonce: Buffer.from(nonce!, 'base64') },
      Buffer.from(tag, 'base64'),
    )
  }
  const [, ln, r, p, salt, key] = SCRYPT.exec(text) ?? []
  if (key !== undefined) {
    return scryptHash(2 ** Number(ln), Number(r), Number(p), Buffer.from(salt!, 'base64'), Buffer.from(key, 'base64'))
  }
  return 'is no hash of the form $argon2id$v=19$m=..,t=..,p=..$salt$hash or $scrypt$ln=..,r=..,p=..$salt$hash: make one with gatehouse key hash'
}

function argon2Hash(
  parameters: Pick<Argon2Parameters, 'memory' | 'passes' | 'parallelism' | 'nonce'>,
  expected: Buffer,
): PasswordHash | string {
  const { memory, passes, parallelism } = parameters
  if (memory * passes < LEAST_ARGON2 || parallelism < 1) return 'is too weak: make one with gatehouse key hash'
  if (memory * 1024 > MOST_MEMORY || passes > 20 || parallelism > 4 || memory < 8 * parallelism) {
    return 'takes more memory or time than a gateway can give: make one with gatehouse key hash'
  }
  return {
    matches: async (password) =>
      timingSafeEqual(
        expected,
        await argon2Of('argon2id', { ...parameters, message: composed(password), tagLength: expected.length }),
      ),
  }
}

function scryptHash(N: number, r: number, p: number, salt: Buffer, expected: Buffer): PasswordHash | string {
  if (N * r * p < LEAST_SCRYPT) return 'is too weak: make one with gatehouse key hash'
  if (128 * N * r > MOST_MEMORY || p > 16) {
    return 'takes more memory or time than a gateway can give: make one with gatehouse key hash'
  }
  // Node counts slightly more memory than the formula
  return {
    matches: async (password) =>
      timingSafeEqual(
        expected,
        await scryptOf(composed(password), salt, expected.length, { N, r, p, maxmem: 2 * MOST_MEMORY }),
      ),
  }
}

/** Hashes that run at once: the thread pool of four threads also resolves names and reads files. */
const AT_ONCE = 2
/** Most hashes that wait. */
const WAITING = 64

/** Limits concurrent hashing, so that a flood of passwords cannot take all threads or all memory. */
export class HashQueue {
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @throws GatehouseError `GW_AUTH_UNAVAILABLE` when too many wait already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= WAITING) throw authUnavailable(new Error('too many passwords wait to be hashed'))
      // a hash that ends passes its slot on
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
