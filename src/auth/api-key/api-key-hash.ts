import { hash, randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** SHA-256 of a key. */
export const digestOf = (key: string): Buffer => hash('sha256', key, 'buffer')

/**
 * What keys are looked up by: the first 64 bits of their hash. The rest is compared in constant time, so that how
 * long the search takes tells nothing of use about it.
 */
export const indexOf = (digest: Buffer): string => digest.toString('latin1', 0, 8)

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 8
/** A CRC-32 in base 62 has at most so many digits. */
const CHECKSUM_LENGTH = 6

/** A key that has just been made; nobody can make its text again. */
export interface NewKey {
  key: string
  /** The part of it that is no secret. */
  id: string
  /** In hexadecimal digits. */
  sha256: string
}

/**
 * Makes a key, `gh_<id>_<secret><checksum>`: 8 random letters and digits, 32 random bytes in base64url, and the CRC-32
 * of everything before it in base 62. Prefix and checksum let scanners find a key that has leaked, and nothing else.
 */
export function newKey(): NewKey {
  const id = Array.from({ length: ID_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const text = `gh_${id}_${randomBytes(32).toString('base64url')}`
  const key = text + base62(crc32(text)).padStart(CHECKSUM_LENGTH, '0')
  return { key, id, sha256: digestOf(key).toString('hex') }
}

const base62 = (value: number): string => (value < 62 ? '' : base62(Math.floor(value / 62))) + ALPHABET[value % 62]
