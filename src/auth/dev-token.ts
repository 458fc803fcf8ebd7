import { createPrivateKey } from 'node:crypto'
import { createSigner, type Algorithm } from 'fast-jwt'
import { BootProblems } from '../errors.ts'
import { milliseconds } from '../units.ts'
import type { JwtSettings } from './auth-schema.ts'

/** What a development token says. */
export interface TokenRequest {
  sub: string
  scopes?: readonly string[]
  /** Default: one hour. */
  expiresIn?: number | string
  /** Further claims. */
  claims?: Record<string, unknown>
}

/**
 * Signs a token that this gateway accepts, for development and tests.
 * @throws BootProblems when the configuration has no key to sign with
 */
export function signToken (settings: JwtSettings, { sub, scopes = [], expiresIn = '1h', claims = {} }: TokenRequest): string {
  const { secret, privateKey, issuer, audience, algorithms } = settings
  const key = secret ?? privateKey
  if (key === undefined) {
    throw new BootProblems([{ file: 'configuration', field: 'jwt', message: 'has a public key alone, with which nothing can be signed: set jwt.secret, or jwt.privateKey (GATEHOUSE_JWT_PRIVATE_KEY_FILE)' }])
  }
  const possible = secret === undefined ? algorithmsOf(key) : ['HS256', 'HS384', 'HS512']
  const algorithm = possible.find((name) => algorithms === undefined || (algorithms as string[]).includes(name)) as Algorithm
  const sign = createSigner({ key, algorithm, expiresIn: milliseconds(expiresIn) })
  return sign({
    ...issuer === undefined ? {} : { iss: [issuer].flat()[0] },
    ...audience === undefined ? {} : { aud: [audience].flat()[0] },
    sub,
    scope: scopes.join(' '),
    ...claims,
  })
}

function algorithmsOf (pem: string): string[] {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem)
  switch (asymmetricKeyType) {
    case 'rsa': return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
    case 'rsa-pss': return ['PS256', 'PS384', 'PS512']
    case 'ed25519': return ['EdDSA']
    default: return [{ prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }[asymmetricKeyDetails?.namedCurve ?? ''] ?? 'ES256']
  }
}
