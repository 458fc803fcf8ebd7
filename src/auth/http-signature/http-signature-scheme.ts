import { hash } from 'node:crypto'
import { type InnerList, isInnerList, parseDictionary } from 'structured-headers'
import { gatehouseError, type GatehouseError } from '../../errors.ts'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { authUnavailable } from '../challenge.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import { isDigestOf, parseContentDigest } from './content-digest.ts'
import { arrivesAsSigned, signatureBase } from './signature-base.ts'
import type { SignatureSettings } from './http-signature-schema.ts'
import type { KnownKey } from './signature-key.ts'

/** How far in the future `created` may be, in milliseconds, for clocks that disagree. */
const CLOCK_TOLERANCE = 5000
/** Longest header that is parsed, in characters. */
const LONGEST = 8192
/** A signature without `@target-uri` must cover all of these. */
const WHOLE_URL = ['@authority', '@path', '@query']
const NO_BODY = Buffer.alloc(0)

interface RequestSignature {
  input: InnerList
  covered: ReadonlySet<unknown>
  signature: Buffer
}

/** Signed requests (RFC 9421). */
export class HttpSignatureScheme implements AuthScheme {
  readonly name = 'signature'
  // not a registered scheme, but a 401 needs a challenge (RFC 9110, section 15.5.2)
  readonly challenge = 'Signature realm="gatehouse"'
  readonly credentials = { headers: ['signature', 'signature-input'] }
  readonly #keys: ReadonlyMap<string, KnownKey>
  readonly #anyKey: KnownKey
  readonly #required: readonly string[]
  readonly #maxAgeMs: number
  readonly #nonces: UsedNonces | null
  readonly #now: () => number

  /** @param keys  by their `keyid`; at least one */
  constructor(
    settings: Omit<SignatureSettings, 'keys'>,
    keys: ReadonlyMap<string, KnownKey>,
    now: () => number = Date.now,
  ) {
    this.#keys = keys
    this.#anyKey = keys.values().next().value!
    this.#required = ['@method', ...settings.components]
    this.#maxAgeMs = milliseconds(settings.maxAge)
    // a `created` in the future extends the lifetime of a signature
    this.#nonces = settings.requireNonce
      ? new UsedNonces(settings.nonceCacheSize, this.#maxAgeMs + CLOCK_TOLERANCE + 1, now)
      : null
    this.#now = now
  }

  isPresented({ headers }: AuthRequest): boolean {
    return headers['signature-input'] !== undefined
  }

  /** Unknown keys and wrong signatures get the same answer after the same work, so that timing reveals no keyid. */
  authenticate(request: AuthRequest): Consumer {
    const found = requestSignature(request)
    if (found === null || !this.#isAcceptable(found, request)) throw this.#refusal()
    const parameters = found.input[1]
    const keyid = parameters.get('keyid')
    const known = this.#keys.get(String(keyid))
    const base = signatureBase(request, found.input)
    if (base === null) throw this.#refusal()
    const { verifier, consumer } = known ?? this.#anyKey
    const good = verifier.verify(Buffer.from(base, 'latin1'), found.signature)
    const algorithm = parameters.get('alg')
    if (known === undefined || !good || (algorithm !== undefined && algorithm !== verifier.algorithm)) {
      throw this.#refusal()
    }
    this.#useNonce(String(keyid), parameters.get('nonce'), request.isExplained === true)
    this.#expectBody(request, found)
    return consumer
  }

  /** Whether the signature is current and covers enough (RFC 9421, sections 2.3 and 7.2). */
  #isAcceptable({ input: [, parameters], covered }: RequestSignature, request: AuthRequest): boolean {
    const now = this.#now()
    const created = parameters.get('created')
    const expires = parameters.get('expires') ?? Infinity
    if (
      typeof created !== 'number' ||
      created * 1000 > now + CLOCK_TOLERANCE ||
      created * 1000 < now - this.#maxAgeMs
    ) {
      return false
    }
    if (typeof expires !== 'number' || expires * 1000 <= now) return false
    if (!this.#required.every((component) => covered.has(component))) return false
    if (!covered.has('@target-uri') && !WHOLE_URL.every((component) => covered.has(component))) return false
    if (!arrivesAsSigned(request, covered)) return false
    return covered.has('content-digest') || !hasBody(request)
  }

  #useNonce(keyid: string, nonce: unknown, isExplained: boolean): void {
    if (this.#nonces === null) return
    if (typeof nonce !== 'string' || nonce === '') throw this.#refusal()
    const name = hash('sha256', JSON.stringify([keyid, nonce]), 'base64')
    const taken = isExplained ? this.#nonces.look(name) : this.#nonces.take(name)
    if (taken === 'full') throw authUnavailable(new Error('there are more nonces than signatures.nonceCacheSize'))
    if (taken === 'used') throw this.#refusal()
  }

  /** The body has not arrived yet: its expected digests are stored with the request. */
  #expectBody(request: AuthRequest, { covered }: RequestSignature): void {
    if (!covered.has('content-digest')) return
    const digests = parseContentDigest(request.headers['content-digest'])
    if (digests === null) throw this.#refusal()
    if (hasBody(request)) request.contentDigest = digests
    else if (!isDigestOf(digests, NO_BODY)) throw this.#refusal()
  }

  #refusal(): GatehouseError {
    const wanted = [...this.#required, '@target-uri'].map((component) => `"${component}"`).join(' ')
    return gatehouseError('GW_UNAUTHORIZED', {
      detail:
        'Send a valid signature (RFC 9421) of this request: Accept-Signature lists what it must cover, in addition to "content-digest" when there is a body.',
      headers: {
        'www-authenticate': this.challenge,
        'accept-signature': `sig=(${wanted});created;keyid${this.#nonces === null ? '' : ';nonce'}`,
      },
    })
  }
}

/**
 * The only signature of a request; null when there is none, or several, of which the upstream might trust another one.
 */
function requestSignature({ headers }: AuthRequest): RequestSignature | null {
  const [inputs, signatures] = [String(headers['signature-input'] ?? ''), String(headers.signature ?? '')]
  if (inputs.length > LONGEST || signatures.length > LONGEST) return null
  try {
    const parsed = [...parseDictionary(inputs)]
    if (parsed.length !== 1) return null
    const [label, input] = parsed[0]!
    const [signature] = parseDictionary(signatures).get(label) ?? []
    if (!isInnerList(input) || !(signature instanceof ArrayBuffer)) return null
    return { input, covered: new Set(input[0].map(([name]) => name)), signature: Buffer.from(signature) }
  } catch {
    return null
  }
}

const hasBody = ({ headers }: AuthRequest): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** Remembers used nonces until their signatures are too old to be accepted. */
export class UsedNonces {
  readonly #until = new Map<string, number>()
  readonly #size: number
  readonly #lifetimeMs: number
  readonly #now: () => number

  /** @param size  most nonces at once; none is evicted early, since its signature could then be used again */
  constructor(size: number, lifetimeMs: number, now: () => number) {
    this.#size = size
    this.#lifetimeMs = lifetimeMs
    this.#now = now
  }

  /** Marks a nonce as used. */
  take(nonce: string): 'fresh' | 'used' | 'full' {
    const found = this.look(nonce)
    if (found === 'fresh') this.#until.set(nonce, this.#now() + this.#lifetimeMs)
    return found
  }

  /** What `take` would return, without marking the nonce. */
  look(nonce: string): 'fresh' | 'used' | 'full' {
    const now = this.#now()
    // all have the same lifetime, so the oldest come first
    for (const [oldest, until] of this.#until) {
      if (until > now) break
      this.#until.delete(oldest)
    }
    if (this.#until.has(nonce)) return 'used'
    return this.#until.size >= this.#size ? 'full' : 'fresh'
  }
}
