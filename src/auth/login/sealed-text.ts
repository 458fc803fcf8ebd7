import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const SALT_BYTES = 16
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts texts that strangers keep for the gateway, and knows its own again (AES-256-GCM). Each text has a key and an
 * initialization vector of its own, derived (HKDF, RFC 5869) with a random salt, so there is no bound on their number.
 */
export class SealedText {
  readonly #secrets: readonly string[]
  readonly #purpose: string

  /**
   * @param secrets  the first seals, each opens
   * @param purpose  what the texts are; one that was sealed for another purpose does not open
   */
  constructor(secrets: readonly string[], purpose: string) {
    this.#secrets = secrets
    this.#purpose = purpose
  }

  /** @returns base64url */
  seal(text: string): string {
    const salt = randomBytes(SALT_BYTES)
    const { key, iv } = this.#derive(this.#secrets[0]!, salt)
    const cipher = createCipheriv(ALGORITHM, key, iv)
    return Buffer.concat([salt, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** @returns null for whatever was not sealed here, or has been changed since */
  open(sealed: string): string | null {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < SALT_BYTES + TAG_BYTES) return null
    for (const secret of this.#secrets) {
      const { key, iv } = this.#derive(secret, bytes.subarray(0, SALT_BYTES))
      const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(SALT_BYTES, -TAG_BYTES)), decipher.final()]).toString(
          'utf8',
        )
      } catch {
        // sealed with another secret, or forged
      }
    }
    return null
  }

  #derive(secret: string, salt: Buffer): { key: Buffer; iv: Buffer } {
    const derived = Buffer.from(hkdfSync('sha256', secret, salt, this.#purpose, KEY_BYTES + IV_BYTES))
    return { key: derived.subarray(0, KEY_BYTES), iv: derived.subarray(KEY_BYTES) }
  }
}
