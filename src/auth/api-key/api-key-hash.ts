import { hash, randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** SHA-256 of a key. */
export const digestOf = (key: string): Buffer => hash('sha256', key, 'buffer')

/**
 * The index by which keys are looked up: the first 64 bits of their hash. The rest is compared in constant time, so
 * that the time of a lookup reveals nothing useful about it.
 */
export const indexOf = (digest: Buffer): string => digest.toString('latin1', 0, 8)

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 8
/** Most digits of a CRC-32 in base 62. */
const CHECKSUM_LENGTH = 6

/** A new key. Its text cannot be recovered later. */
export interface NewKey {
  key: string
  /** The public part of it. */
  id: string
  /** In hexadecimal digits. */
  sha256: string
}

/**
 * Makes a key, `gh_<id>_<secret><checksum>`: 8 random letters and digits, 32 random bytes in base64url, and the CRC-32
 * of everything before it in base 62. Prefix and checksum only help scanners to find leaked keys.
 */
export function newKey(): NewKey {
  const id = Array.from({ length: ID_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const text = `gh_${id}_${randomBytes(32).toString('base64url')}`
  const key = text + base62(crc32(text)).padStart(CHECKSUM_LENGTH, '0')
  return { key, id, sha256: digestOf(key).toString('hex') }
}

const base62 = (value: number): string => (value < 62 ? '' : base62(Math.floor(value / 62))) + ALPHABET[value % 62]
