import { createPublicKey, type KeyObject } from 'node:crypto'
import { BootProblems, type Problem } from '../errors.ts'
import type { JwtSettings } from './auth-schema.ts'

type Algorithm = NonNullable<JwtSettings['algorithms']>[number]

/** A key, and the algorithms for which it may be used: those that it is made for, narrowed by the configuration. */
export interface VerificationKey {
  key: string
  algorithms: Algorithm[]
}

const CURVES: Record<string, Algorithm> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
const SMALLEST_RSA = 2048

/**
 * @throws BootProblems when there is no key or more than one, when it cannot be read or is too weak, or when no
 *   configured algorithm fits it
 */
export function verificationKey (settings: JwtSettings): VerificationKey {
  const { secret, publicKey, algorithms } = settings
  if ((secret === undefined) === (publicKey === undefined)) {
    fail('', secret === undefined
      ? 'has no key: set secret (GATEHOUSE_JWT_SECRET) or publicKey (GATEHOUSE_JWT_PUBLIC_KEY)'
      : 'has both secret and publicKey: state one of them, since a token must be verifiable in one way only')
  }
  const [key, possible, field] = secret !== undefined
    ? [secret, ['HS256', 'HS384', 'HS512'] as Algorithm[], 'secret']
    : [publicKey!, algorithmsOf(readPublicKey(publicKey!)), 'publicKey']
  const allowed = algorithms === undefined ? possible : possible.filter((algorithm) => algorithms.includes(algorithm))
  const strange = algorithms?.filter((algorithm) => !possible.includes(algorithm)) ?? []
  if (strange.length > 0) fail('.algorithms', `found ${strange.join(', ')}, which cannot be used with jwt.${field}: it allows ${possible.join(', ')}`)
  return { key, algorithms: allowed }
}

function readPublicKey (pem: string): KeyObject {
  if (/PRIVATE KEY-----/.test(pem)) fail('.publicKey', 'found a private key: the gateway needs and should have the public one only')
  try {
    return createPublicKey(pem)
  } catch {
    return fail('.publicKey', 'is not a public key in PEM form ("-----BEGIN PUBLIC KEY-----")')
  }
}

function algorithmsOf (key: KeyObject): Algorithm[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa': case 'rsa-pss': {
      if (modulusLength < SMALLEST_RSA) fail('.publicKey', `found an RSA key of ${modulusLength} bits: at least ${SMALLEST_RSA} are needed`)
      const pss: Algorithm[] = ['PS256', 'PS384', 'PS512']
      return key.asymmetricKeyType === 'rsa-pss' ? pss : ['RS256', 'RS384', 'RS512', ...pss]
    }
    case 'ec': return CURVES[namedCurve] ? [CURVES[namedCurve]] : fail('.publicKey', `found an EC key on ${namedCurve}: allowed are ${Object.keys(CURVES).join(', ')}`)
    case 'ed25519': return ['EdDSA']
    default: return fail('.publicKey', `found a key of type ${key.asymmetricKeyType}: allowed are RSA, EC and Ed25519`)
  }
}

function fail (field: string, message: string): never {
  throw new BootProblems([{ file: 'configuration', field: `jwt${field}`, message } satisfies Problem])
}
