import { timingSafeEqual } from 'node:crypto'
import { gatehouseError, type GatehouseError } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { credentialFrom, type CredentialSource } from '../credentials.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import { type ApiKey, NetworkList } from './api-key.ts'
import { digestOf, indexOf } from './api-key-hash.ts'
import type { ApiKeySettings } from './api-key-schema.ts'
import type { KeyStore } from './api-key-store.ts'

/** Longest key that is hashed, in characters. */
const LONGEST = 1024
/** Most pairs of key and address that are remembered as used. */
const REMEMBERED = 10_000

/** Used for an unknown key, so that the check takes the same time. */
const NOBODY: ApiKey = {
  digest: Buffer.alloc(32),
  until: 0,
  networks: new NetworkList(),
  consumer: { id: '', scheme: 'apiKey', scopes: [], groups: [], claims: {} },
}

/** API keys in a header, query parameter or cookie. The gateway stores only their SHA-256. */
export class ApiKeyScheme implements AuthScheme {
  readonly name = 'apiKey'
  // not a registered scheme, but a 401 needs a challenge (RFC 9110, section 15.5.2)
  readonly challenge = 'ApiKey realm="gatehouse"'
  readonly credentials: CredentialPlaces
  readonly security: Readonly<Record<string, unknown>>
  readonly #source: CredentialSource
  readonly #detail: string
  readonly #store: KeyStore
  readonly #now: () => number
  /** Index and address of keys that were used: they are not locked out by failures of others at the same address. */
  readonly #used = new Set<string>()

  constructor(
    { header, query, cookie }: Pick<ApiKeySettings, 'header' | 'query' | 'cookie'>,
    store: KeyStore,
    now: () => number = Date.now,
  ) {
    this.#source = { header: header === false ? undefined : header.toLowerCase(), query, cookie }
    const places = (['header', 'query', 'cookie'] as const).filter((place) => this.#source[place] !== undefined)
    const names = places.map((place) => this.#source[place]!)
    this.#detail = `Send a valid API key as ${places.map((place, i) => `${place === 'query' ? 'query parameter' : place} "${names[i]}"`).join(' or ')}.`
    this.security = { type: 'apiKey', in: places[0], name: names[0] }
    const list = (name: string | undefined): string[] => (name === undefined ? [] : [name])
    this.credentials = { headers: list(this.#source.header), query: list(query), cookies: list(cookie) }
    this.#store = store
    this.#now = now
  }

  isPresented(request: AuthRequest): boolean {
    return credentialFrom(this.#source, request) !== undefined
  }

  recall(request: AuthRequest): Consumer | null {
    const text = credentialFrom(this.#source, request)
    if (text === undefined || text.length > LONGEST) return null
    const digest = digestOf(text)
    const index = indexOf(digest)
    const key = this.#used.has(index + request.ip) ? this.#store.peek(index) : undefined
    return key !== undefined && this.#admits(key, digest, request.ip) ? key.consumer : null
  }

  /** Unknown keys, expired ones and wrong addresses get the same answer after the same work. */
  authenticate(request: AuthRequest): Consumer | Promise<Consumer> {
    const text = credentialFrom(this.#source, request)
    if (text === undefined || text.length > LONGEST) throw this.#refusal()
    const digest = digestOf(text)
    const found = this.#store.find(indexOf(digest))
    return found instanceof Promise
      ? found.then((key) => this.#judge(key, digest, request))
      : this.#judge(found, digest, request)
  }

  #judge(key: ApiKey = NOBODY, digest: Buffer, { ip, isExplained }: AuthRequest): Consumer {
    if (!this.#admits(key, digest, ip)) throw this.#refusal()
    if (isExplained) return key.consumer
    if (this.#used.size >= REMEMBERED) this.#used.delete(this.#used.values().next().value!)
    this.#used.add(indexOf(digest) + ip)
    return key.consumer
  }

  #admits(key: ApiKey, digest: Buffer, ip: string): boolean {
    const same = timingSafeEqual(key.digest, digest)
    const current = this.#now() < key.until
    const here = key.networks === null || key.networks.has(ip)
    return same && current && here
  }

  #refusal(): GatehouseError {
    return gatehouseError('GW_UNAUTHORIZED', { detail: this.#detail, headers: { 'www-authenticate': this.challenge } })
  }
}
