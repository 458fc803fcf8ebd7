import { BootProblems, type Problem } from '../../errors.ts'
import type { SignatureKey } from './http-signature-schema.ts'
import type { KnownKey } from './http-signature-scheme.ts'
import { publicKeyVerifier, secretVerifier, type SignatureVerifier } from './signature-key.ts'

/** Fewest characters of a secret. */
const SHORTEST = 32

/**
 * The keys of the configuration by their `keyid`.
 * @param keys  with the content of their files in place
 * @throws BootProblems with all that cannot be used; no message shows a secret
 */
export function compileKeys(keys: readonly SignatureKey[]): Map<string, KnownKey> {
  const problems: Problem[] = []
  const known = new Map<string, KnownKey>()
  keys.forEach((key, i) => {
    const verifier = verifierOf(key)
    const problem = known.has(key.keyid)
      ? `found the keyid "${key.keyid}", which another key has too: change one of them`
      : typeof verifier === 'string'
        ? verifier
        : null
    if (problem !== null) problems.push({ file: 'configuration', field: `signatures.keys[${i}]`, message: problem })
    else known.set(key.keyid, { verifier: verifier as SignatureVerifier, consumer: consumerOf(key) })
  })
  if (problems.length > 0) throw new BootProblems(problems)
  return known
}

function verifierOf({ secret, secretFile, publicKey, publicKeyFile }: SignatureKey): SignatureVerifier | string {
  if ([secretFile ?? secret, publicKeyFile ?? publicKey].filter((way) => way !== undefined).length !== 1) {
    return 'needs one key: a secret or a public key, in the configuration or in a file'
  }
  if (secret === undefined) return publicKeyVerifier(publicKey!)
  // what everybody may know is no secret: with it, anyone could sign
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(secret)) return 'has a key of a key pair for its secret: state it as publicKey'
  return secret.length < SHORTEST
    ? `has a secret of ${secret.length} characters: at least ${SHORTEST} are needed`
    : secretVerifier(secret)
}

const consumerOf = ({ keyid, consumer = keyid, scopes = [], groups = [] }: SignatureKey): KnownKey['consumer'] =>
  Object.freeze({
    id: consumer,
    scheme: 'signature' as const,
    scopes: Object.freeze([...scopes]),
    groups: Object.freeze([...groups]),
    claims: Object.freeze({ keyid }),
  })
