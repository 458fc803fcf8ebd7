import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export const publicPem = ({ publicKey }: KeyPair): string => publicKey.export({ type: 'spki', format: 'pem' }) as string
export const privatePem = ({ privateKey }: KeyPair): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

export const rsa: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const rsaPss: KeyPair = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
export const p256: KeyPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
export const p384: KeyPair = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
export const p521: KeyPair = generateKeyPairSync('ec', { namedCurve: 'secp521r1' })
export const ed25519: KeyPair = generateKeyPairSync('ed25519')

/** Settings with their defaults. */
export const settings = (jwt: Partial<JwtSettings>): JwtSettings => ({
  clockTolerance: 0,
  cacheSize: 100,
  refreshInterval: '10 minutes',
  refreshCooldown: '30s',
  timeout: '5s',
  ...jwt,
})
