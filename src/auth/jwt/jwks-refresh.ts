import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { authUnavailable } from '../challenge.ts'
import type { KeyReading } from './jwk-set.ts'
import { KeySet, type KeySource, type VerificationKey } from './verification-key.ts'
import type { IdentityClient } from '../identity-client.ts'

/** Shortest pause after a failure, in milliseconds; it is the longest too as long as there are no keys at all. */
const SHORTEST_PAUSE = 1000
/** What a timer can hold. */
const LONGEST_PAUSE = 2 ** 31 - 1

export interface RemoteKeysOptions {
  /** Whose keys they are, for the log. */
  name: string
  fetchKeys: FetchKeys
  /** Makes keys of what was fetched. Throws when it is nothing of the kind. */
  read: (document: unknown) => KeyReading
  /** Milliseconds between two looks in the background. */
  refreshMs: number
  /** Milliseconds for which unknown keys do not cause a second fetch; and the pause after a failure. */
  cooldownMs: number
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds of a clock that nobody sets back. */
  now?: () => number
}

/**
 * Keys that an issuer publishes. They are fetched in the background; a token with an unknown key has them fetched at
 * once, which a flood of such tokens can bring about only so often. While the issuer is away those that are known go
 * on.
 */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions
  readonly #now: () => number
  readonly #set = new KeySet()
  #isKnown = false
  #ignored = ''
  /** Of the last attempt. */
  #failure: unknown
  /** From when on a request may cause an attempt: before there are keys, and after. */
  #firstFrom = -Infinity
  #renewFrom = -Infinity
  #refreshing: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #mode: 'idle' | 'running' | 'stopped' = 'idle'

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Begins to fetch in the background. Without it keys are fetched only when a request needs them. */
  start(): void {
    this.#mode = 'running'
    // a failure has been reported, and is tried again
    this.#refresh().catch(() => {})
  }

  stop(): void {
    this.#mode = 'stopped'
    clearTimeout(this.#timer)
  }

  current(): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    if (this.#isKnown) return this.#set.current()
    if (this.#refreshing === null && this.#now() < this.#firstFrom) throw authUnavailable(this.#failure)
    return this.#afterRefresh()
  }

  renewed(): Promise<readonly VerificationKey[]> | null {
    if (this.#refreshing === null) {
      const now = this.#now()
      if (now < this.#renewFrom) {
        return this.#failure === undefined ? null : Promise.reject(authUnavailable(this.#failure))
      }
      this.#renewFrom = now + this.#options.cooldownMs
    }
    return this.#afterRefresh()
  }

  async #afterRefresh(): Promise<readonly VerificationKey[]> {
    await this.#refresh()
    if (this.#failure !== undefined) throw authUnavailable(this.#failure)
    return this.#set.current()
  }

  /** One attempt, however many ask for it; it never rejects. */
  #refresh(): Promise<void> {
    clearTimeout(this.#timer)
    this.#refreshing ??= this.#attempt().finally(() => {
      this.#refreshing = null
      if (this.#mode === 'running') this.#timer = setTimeout(() => this.#refresh(), this.#pause()).unref()
    })
    return this.#refreshing
  }

  #pause(): number {
    const { refreshMs, cooldownMs } = this.#options
    if (this.#failure === undefined) return Math.min(refreshMs, LONGEST_PAUSE)
    return Math.min(refreshMs, this.#isKnown ? Math.max(cooldownMs, SHORTEST_PAUSE) : SHORTEST_PAUSE)
  }

  async #attempt(): Promise<void> {
    const { name, fetchKeys, read, log } = this.#options
    try {
      const reading = read(await fetchKeys())
      this.#takeOver(reading)
      if (this.#failure !== undefined) log.info({ issuer: name }, 'the keys of the issuer can be fetched again')
      this.#failure = undefined
    } catch (error) {
      // told once, not with each attempt; whoever stops breaks a fetch off
      if (this.#failure === undefined && this.#mode !== 'stopped') {
        log.error(
          { issuer: name, reason: reasonOf(error) },
          `the keys of the issuer cannot be fetched: ${this.#isKnown ? 'those that are known go on' : 'its tokens cannot be checked'}`,
        )
      }
      this.#failure = error
      this.#firstFrom = this.#now() + this.#pause()
    }
  }

  #takeOver({ keys, ignored }: KeyReading): void {
    const { name, log } = this.#options
    const changed = this.#set.replace(keys)
    this.#isKnown = true
    if (changed) {
      log.info(
        {
          issuer: name,
          keys: keys.map(({ kid, algorithms }) => `${kid?.slice(0, 60) ?? '(no kid)'} ${algorithms.join(',')}`),
        },
        'took over the keys of the issuer',
      )
    }
    if (keys.length === 0) log.error({ issuer: name }, 'the issuer has no key that can be used: its tokens are refused')
    // told once, not with each look
    const told = ignored.join('\n')
    if (ignored.length > 0 && told !== this.#ignored) {
      log.warn({ issuer: name, ignored }, 'keys of the issuer are of no use here')
    }
    this.#ignored = told
  }
}

/** Fetches the document of an issuer that holds its keys. Rejects when there is none. */
export type FetchKeys = () => Promise<unknown>

type Client = Pick<IdentityClient, 'ask'>

/** Fetches a JWK Set (RFC 7517) from where it is. */
export const fetchJwkSet =
  (url: URL, client: Client): FetchKeys =>
  () =>
    fetchJson(url, client)

/**
 * Fetches the JWK Set that the metadata of an issuer names (OpenID Connect Discovery 1.0, section 4). They are read
 * anew each time, since an issuer may move its keys.
 * @param issuer  exactly as the metadata must state it, lest one issuer passes for another
 */
export function discoverJwkSet(issuer: URL, name: string, client: Client): FetchKeys {
  const metadataUrl = new URL(`${issuer.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
  return async () => {
    const metadata = await fetchJson(metadataUrl, client)
    const { issuer: stated, jwks_uri: jwksUri } = Object(metadata) as Record<string, unknown>
    if (stated !== name) throw new Error(`${metadataUrl.href} is of another issuer: ${shown(stated)}`)
    const url = typeof jwksUri === 'string' ? URL.parse(jwksUri) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
      throw new Error(`${metadataUrl.href} has no jwks_uri that is a URL: ${shown(jwksUri)}`)
    }
    if (url.protocol === 'http:' && issuer.protocol === 'https:') {
      throw new Error(`${metadataUrl.href} names keys that are not protected by TLS: ${shown(jwksUri)}`)
    }
    return fetchJson(url, client)
  }
}

async function fetchJson(url: URL, client: Client): Promise<unknown> {
  // without the query, which may hold a secret
  const place = url.origin + url.pathname
  const { status, body } = await client
    .ask(url, { method: 'GET', headers: ['accept', 'application/json, application/jwk-set+json'] })
    .catch((error: unknown) => {
      throw new Error(`${place} cannot be fetched: ${reasonOf(error)}`)
    })
  if (status !== 200) throw new Error(`${place} answered ${status}`)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new Error(`${place} answered something that is not JSON`)
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200)
