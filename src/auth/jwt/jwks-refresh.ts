import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../../errors.ts'
import { LONGEST_TIMER } from '../../units.ts'
import { authUnavailable } from '../challenge.ts'
import type { KeyReading } from './jwk-set.ts'
import { KeySet, type KeySource, type VerificationKey } from './verification-key.ts'
import type { IdentityClient } from '../identity-client.ts'

/** Shortest pause after a failure, in milliseconds; the only one as long as no keys are known. */
const SHORTEST_PAUSE = 1000

export interface RemoteKeysOptions {
  /** The issuer, for the log. */
  name: string
  fetchKeys: FetchKeys
  /** Reads the keys of the fetched document. Throws when it is not a JWK Set. */
  read: (document: unknown) => KeyReading
  /** Milliseconds between two background fetches. */
  refreshMs: number
  /** Least milliseconds between two fetches for unknown keys, and the pause after a failure. */
  cooldownMs: number
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds of a monotonic clock. */
  now?: () => number
}

/**
 * The keys that an issuer publishes. They are fetched in the background. A token with an unknown key triggers a fetch,
 * at most one within the cooldown. While the issuer is unreachable the known keys stay in use.
 */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions
  readonly #now: () => number
  readonly #set = new KeySet()
  #isKnown = false
  #ignored = ''
  /** The error of the last attempt; undefined after a success. */
  #failure: unknown
  /** When a request may next trigger a fetch: while no keys are known, and for an unknown key. */
  #firstFrom = -Infinity
  #renewFrom = -Infinity
  #refreshing: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #mode: 'idle' | 'running' | 'stopped' = 'idle'

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Starts fetching in the background. Without it keys are fetched only when a request needs them. */
  start(): void {
    this.#mode = 'running'
    // failures are logged by the attempt, which is repeated
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

  /** Starts an attempt, or joins the one in flight. Never rejects. */
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
    if (this.#failure === undefined) return Math.min(refreshMs, LONGEST_TIMER)
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
      // logged once, not with each attempt; stopping aborts a fetch, which is no failure
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
    // logged once, not with each fetch
    const report = ignored.join('\n')
    if (ignored.length > 0 && report !== this.#ignored) {
      log.warn({ issuer: name, ignored }, 'keys of the issuer are of no use here')
    }
    this.#ignored = report
  }
}

/** Fetches the document with the keys of an issuer. Rejects on failure. */
export type FetchKeys = () => Promise<unknown>

type Client = Pick<IdentityClient, 'ask'>

/** Fetches a JWK Set (RFC 7517) from its URL. */
export const fetchJwkSet =
  (url: URL, client: Client): FetchKeys =>
  () =>
    fetchJson(url, client)

/**
 * Fetches the JWK Set that the metadata of an issuer names (OpenID Connect Discovery 1.0, section 4). The metadata is
 * fetched each time too, since an issuer may move its keys.
 * @param name  the issuer exactly as the metadata must state it, so that no issuer can pose as another
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
