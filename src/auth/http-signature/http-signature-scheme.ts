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

/** How far in the future a signature may have been made, in milliseconds, for clocks that disagree. */
const CLOCK_TOLERANCE = 5000
/** Longest header that is parsed, in characters. */
const LONGEST = 8192
/** Whoever covers the URL in parts must cover all of them. */
const WHOLE_URL = ['@authority', '@path', '@query']
const NO_BODY = Buffer.alloc(0)

interface ShownSignature {
  input: InnerList
  covered: ReadonlySet<unknown>
  signature: Buffer
}

/** Signed requests (RFC 9421). */
export class HttpSignatureScheme implements AuthScheme {
  readonly name = 'signature'
  // no registered scheme, but a 401 must have a challenge (RFC 9110, section 15.5.2)
  readonly challenge = 'Signature realm="gatehouse"'
  readonly credentials = { headers: ['signature', 'signature-input'] }
  readonly #keys: ReadonlyMap<string, KnownKey>
  readonly #somebody: KnownKey
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
    this.#somebody = keys.values().next().value!
    this.#required = ['@method', ...settings.components]
    this.#maxAgeMs = milliseconds(settings.maxAge)
    // a signature from the future lives longer by as much
    this.#nonces = settings.requireNonce
      ? new UsedNonces(settings.nonceCacheSize, this.#maxAgeMs + CLOCK_TOLERANCE + 1, now)
      : null
    this.#now = now
  }

  isPresented({ headers }: AuthRequest): boolean {
    return headers['signature-input'] !== undefined
  }

  /** One answer, and one amount of work, for signatures of unknown keys and wrong ones. */
  authenticate(request: AuthRequest): Consumer {
    const shown = shownSignature(request)
    if (shown === null || !this.#isAcceptable(shown, request)) throw this.#refusal()
    const parameters = shown.input[1]
    const keyid = parameters.get('keyid')
    const known = this.#keys.get(String(keyid))
    const base = signatureBase(request, shown.input)
    if (base === null) throw this.#refusal()
    const { verifier, consumer } = known ?? this.#somebody
    const good = verifier.verify(Buffer.from(base, 'latin1'), shown.signature)
    const algorithm = parameters.get('alg')
    if (known === undefined || !good || (algorithm !== undefined && algorithm !== verifier.algorithm)) {
      throw this.#refusal()
    }
    this.#useNonce(String(keyid), parameters.get('nonce'), request.isExplained === true)
    this.#expectBody(request, shown)
    return consumer
  }

  /** Whether the signature says enough, and about the present (RFC 9421, sections 2.3 and 7.2). */
  #isAcceptable({ input: [, parameters], covered }: ShownSignature, request: AuthRequest): boolean {
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

  #useNonce(keyid: string, nonce: unknown, looksOnly: boolean): void {
    if (this.#nonces === null) return
    if (typeof nonce !== 'string' || nonce === '') throw this.#refusal()
    const name = hash('sha256', JSON.stringify([keyid, nonce]), 'base64')
    const taken = looksOnly ? this.#nonces.look(name) : this.#nonces.take(name)
    if (taken === 'full') throw authUnavailable(new Error('there are more nonces than signatures.nonceCacheSize'))
    if (taken === 'used') throw this.#refusal()
  }

  /** The body is yet to come: what it must be is left with the request. */
  #expectBody(request: AuthRequest, { covered }: ShownSignature): void {
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
        'Send a valid signature (RFC 9421) of the present request: Accept-Signature says of what, beside "content-digest" when there is a body.',
      headers: {
        'www-authenticate': this.challenge,
        'accept-signature': `sig=(${wanted});created;keyid${this.#nonces === null ? '' : ';nonce'}`,
      },
    })
  }
}

/**
 * The one signature of a request; null when there is none, or several, of which it would be anyone's guess which
 * counts.
 */
function shownSignature({ headers }: AuthRequest): ShownSignature | null {
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

/** Nonces that have been used, each until its signature is too old anyway. */
export class UsedNonces {
  readonly #until = new Map<string, number>()
  readonly #size: number
  readonly #lifetimeMs: number
  readonly #now: () => number

  /**
   * @param size  most nonces at once; none is forgotten before its time to make room, since it could be used again then
   */
  constructor(size: number, lifetimeMs: number, now: () => number) {
    this.#size = size
    this.#lifetimeMs = lifetimeMs
    this.#now = now
  }

  /** Uses a nonce up. */
  take(nonce: string): 'fresh' | 'used' | 'full' {
    const found = this.look(nonce)
    if (found === 'fresh') this.#until.set(nonce, this.#now() + this.#lifetimeMs)
    return found
  }

  /** What `take` would say. */
  look(nonce: string): 'fresh' | 'used' | 'full' {
    const now = this.#now()
    // all live equally long, so the oldest come first
    for (const [oldest, until] of this.#until) {
      if (until > now) break
      this.#until.delete(oldest)
    }
    if (this.#until.has(nonce)) return 'used'
    return this.#until.size >= this.#size ? 'full' : 'fresh'
  }
}
