import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto'
import { isObject } from '../../schema/json-schema.ts'
import { type JwtAlgorithmName, possibleAlgorithms, SECRET_ALGORITHMS, UnusableKey } from './key-algorithms.ts'
import { isPublishedSecret, PUBLISHED, publicPem, type VerificationKey } from './verification-key.ts'

/** Most keys of a set; a token without `kid` is tried with each that fits its algorithm. */
const MOST_KEYS = 100
/** Bytes; RFC 7518, section 3.2. */
const SHORTEST_SECRET = 32

/** The result of reading a set of keys. */
export interface KeyReading {
  keys: VerificationKey[]
  /** A line for each key that cannot be used, with the reason. */
  ignored: string[]
}

export interface KeyReadingOptions {
  /** Accepted algorithms. Default: all. */
  algorithms?: readonly JwtAlgorithmName[]
  /** Whether shared secrets are accepted; never from a public document. Default: false. */
  secrets?: boolean
}

/**
 * Reads a JWK Set or a single JWK (RFC 7517).
 * @throws UnusableKey when it is neither. A set without a usable key is valid.
 */
export function readJwkSet(document: unknown, options: KeyReadingOptions = {}): KeyReading {
  if (!isObject(document)) throw new UnusableKey('is no JSON object')
  const list = 'kty' in document ? [document] : document.keys
  if (!Array.isArray(list)) throw new UnusableKey('is no JWK Set: it has no list "keys"')
  if (list.length > MOST_KEYS) throw new UnusableKey(`has ${list.length} keys: at most ${MOST_KEYS} are taken`)
  return read(
    list,
    (jwk) => readJwk(jwk, options),
    (jwk) => (isObject(jwk) ? jwk.kid : undefined),
  )
}

/**
 * Reads public keys or certificates as PEM, a JWK, or a JWK Set.
 * @throws UnusableKey when the text is nothing of these, or has a private key
 */
export function readKeyText(text: string, options: KeyReadingOptions = {}): KeyReading {
  if (text.trimStart().startsWith('{')) return readJwkSet(parsed(text), options)
  if (/PRIVATE KEY-----/.test(text)) {
    throw new UnusableKey('holds a private key: the gateway needs and should have the public one only')
  }
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g) ?? []
  if (blocks.length === 0 || blocks.length > MOST_KEYS) {
    throw new UnusableKey(`holds ${blocks.length} keys as PEM, and is no JSON: 1 to ${MOST_KEYS} are expected`)
  }
  return read(
    blocks,
    (pem) => narrow(imported(pem), options),
    () => undefined,
  )
}

function read<T>(list: readonly T[], readOne: (item: T) => VerificationKey, nameOf: (item: T) => unknown): KeyReading {
  const reading: KeyReading = { keys: [], ignored: [] }
  for (const [i, item] of list.entries()) {
    try {
      reading.keys.push(readOne(item))
    } catch (error) {
      if (!(error instanceof UnusableKey)) throw error
      const name = nameOf(item)
      reading.ignored.push(`key ${i + 1}${typeof name === 'string' ? ` (${name.slice(0, 60)})` : ''}: ${error.message}`)
    }
  }
  return reading
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // the message of the parser would quote the text, which may be secret
    throw new UnusableKey('is not valid JSON')
  }
}

function readJwk(jwk: unknown, options: KeyReadingOptions): VerificationKey {
  if (!isObject(jwk)) throw new UnusableKey('is no JSON object')
  const { kid, use, key_ops: operations, alg } = jwk
  if (kid !== undefined && typeof kid !== 'string') throw new UnusableKey('its kid is no text')
  if (use !== undefined && use !== 'sig') throw new UnusableKey('it is not for signatures')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw new UnusableKey('it is not for verifying')
  }
  const key =
    jwk.kty === 'oct' ? readSecret(jwk, options) : narrow(imported({ key: publicPart(jwk), format: 'jwk' }), options)
  const algorithms = alg === undefined ? key.algorithms : key.algorithms.filter((algorithm) => algorithm === alg)
  if (algorithms.length === 0) throw new UnusableKey('its alg does not fit it or is not accepted')
  return { ...key, algorithms, ...(kid === undefined ? {} : { kid }) }
}

/** Only the members of a public key, so that no other member changes how it is imported. */
function publicPart({ kty, n, e, crv, x, y, d }: Record<string, unknown>): webcrypto.JsonWebKey {
  if (d !== undefined) throw new UnusableKey('it is a private key, which is one no more when others can read it')
  return { kty, n, e, crv, x, y } as webcrypto.JsonWebKey
}

function readSecret({ k }: Record<string, unknown>, { secrets, algorithms }: KeyReadingOptions): VerificationKey {
  if (!secrets) throw new UnusableKey('it is a shared secret, which cannot be public')
  const key = Buffer.from(typeof k === 'string' ? k : '', 'base64url')
  if (key.length < SHORTEST_SECRET) {
    throw new UnusableKey(`found a secret of ${key.length} bytes: at least ${SHORTEST_SECRET} are needed`)
  }
  if (isPublishedSecret(key.toString('latin1'))) throw new UnusableKey(PUBLISHED)
  const fitting = SECRET_ALGORITHMS.filter((algorithm) => key.length * 8 >= Number(algorithm.slice(2)))
  return { key, algorithms: accepted(fitting, algorithms) }
}

const narrow = (key: KeyObject, { algorithms }: KeyReadingOptions): VerificationKey => ({
  key: publicPem(key),
  algorithms: accepted(possibleAlgorithms(key), algorithms),
})

function accepted(
  possible: readonly JwtAlgorithmName[],
  wanted: readonly JwtAlgorithmName[] | undefined,
): JwtAlgorithmName[] {
  const algorithms = possible.filter((algorithm) => wanted?.includes(algorithm) ?? true)
  if (algorithms.length === 0) {
    throw new UnusableKey(`it is for ${possible.join(', ')}, which the configuration does not accept`)
  }
  return algorithms
}

function imported(key: Parameters<typeof createPublicKey>[0]): KeyObject {
  try {
    return createPublicKey(key)
  } catch {
    throw new UnusableKey('it cannot be read, or is of a kind that is not known')
  }
}
