import type { KeyObject } from 'node:crypto'
import { BootProblems } from '../../errors.ts'
import type { JwtSettings } from './jwt-schema.ts'
import { pssAlgorithms } from './rsa-pss-key.ts'

export type JwtAlgorithmName = NonNullable<JwtSettings['algorithms']>[number]

/** Algorithms of a shared secret. */
export const SECRET_ALGORITHMS: readonly JwtAlgorithmName[] = ['HS256', 'HS384', 'HS512']

const CURVES: Record<string, JwtAlgorithmName> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
/** Bits; RFC 7518, section 3.3. */
const SMALLEST_RSA = 2048

/** @throws BootProblems, always */
export function refuseJwt (field: string, message: string): never {
  throw new BootProblems([{ file: 'configuration', field: `jwt${field}`, message }])
}

/**
 * The algorithms (RFC 7518, RFC 8037) that a key is made for, the usual one first.
 * @param field  where the key stands, for the message: `.publicKey` or `.privateKey`
 * @throws BootProblems when the key is too weak or of a kind that no algorithm uses
 */
export function keyAlgorithms (key: KeyObject, field: string): readonly JwtAlgorithmName[] {
  const { modulusLength = 0, namedCurve = 'an unnamed curve' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa': case 'rsa-pss': {
      if (modulusLength < SMALLEST_RSA) refuseJwt(field, `found an RSA key of ${modulusLength} bits: at least ${SMALLEST_RSA} are needed`)
      if (key.asymmetricKeyType === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
      const algorithms = pssAlgorithms(key)
      return algorithms.length > 0 ? algorithms : refuseJwt(field, 'found an RSA-PSS key whose hash and salt fit none of PS256, PS384 and PS512')
    }
    case 'ec': return Object.hasOwn(CURVES, namedCurve)
      ? [CURVES[namedCurve]!]
      : refuseJwt(field, `found an EC key on ${namedCurve}: allowed are ${Object.keys(CURVES).join(', ')}`)
    case 'ed25519': return ['EdDSA']
    default: return refuseJwt(field, `found a key of type ${key.asymmetricKeyType}: allowed are RSA, EC and Ed25519`)
  }
}

/**
 * What the configuration lets through of the algorithms of a key.
 * @throws BootProblems when `algorithms` names one that the key cannot be used with
 */
export function narrowed (possible: readonly JwtAlgorithmName[], { algorithms }: JwtSettings, keyField: string): readonly JwtAlgorithmName[] {
  const strange = algorithms?.filter((algorithm) => !possible.includes(algorithm)) ?? []
  if (strange.length > 0) refuseJwt('.algorithms', `found ${strange.join(', ')}, which cannot be used with jwt${keyField}: it allows ${possible.join(', ')}`)
  return algorithms === undefined ? possible : possible.filter((algorithm) => algorithms.includes(algorithm))
}
