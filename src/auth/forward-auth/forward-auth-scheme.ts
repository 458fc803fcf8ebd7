import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { authUnavailable } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import type { IdentityClient } from '../identity-client.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import { type ForwardAuthQuestion, forwardAuthQuestion, type ShownHeader } from './forward-auth-question.ts'
import type { ForwardAuthSettings } from './forward-auth-schema.ts'
import { ANONYMOUS, consumerReader, refusalOf } from './forward-auth-verdict.ts'

/** What of the world outside the scheme needs. */
export interface ForwardAuthSurroundings {
  url: URL
  client: Pick<IdentityClient, 'ask'>
  /** Path and query as the routes have read them, from the request's own. */
  publicTarget: (url: string) => string
  /** A header as the service may see it. Default: as it came. */
  shown?: ShownHeader
  now?: () => number
}

/**
 * An external service decides about each request: Traefik's ForwardAuth, Caddy's `forward_auth`, nginx's
 * `auth_request`.
 */
export class ForwardAuthScheme implements AuthScheme {
  readonly name = 'forwardAuth'
  /** Whoever shows nothing is its business too: that is who gets sent to a login page. */
  readonly asksStrangers = true
  readonly credentials: CredentialPlaces
  readonly isAmbient = true
  readonly #url: URL
  readonly #client: Pick<IdentityClient, 'ask'>
  readonly #question: (request: AuthRequest) => ForwardAuthQuestion
  readonly #consumerOf: ReturnType<typeof consumerReader>
  readonly #credentialNames: readonly string[]
  readonly #cacheForMs: number
  readonly #byHeaders: boolean
  readonly #now: () => number
  readonly #admitted: ExpiringCache<Consumer>

  constructor(
    settings: ForwardAuthSettings,
    { url, client, publicTarget, shown = (_name, value) => value, now = Date.now }: ForwardAuthSurroundings,
  ) {
    this.#url = url
    this.#client = client
    this.#now = now
    this.#cacheForMs = milliseconds(settings.cacheFor)
    this.#byHeaders = settings.cacheBy === 'headers'
    this.#admitted = new ExpiringCache(settings.cacheSize, now)
    this.#question = forwardAuthQuestion(settings, this.#cacheForMs > 0, publicTarget, shown)
    this.#consumerOf = consumerReader(settings)
    this.credentials = {
      headers: settings.withhold.headers.map((name) => name.toLowerCase()),
      cookies: settings.withhold.cookies,
    }
    this.#credentialNames = this.credentials.headers!.filter((name) => name !== 'cookie')
  }

  /** Cookies do not count: browsers send them to whoever has set one, and an old session is no attempt to guess. */
  isPresented({ headers }: AuthRequest): boolean {
    return this.#credentialNames.some((name) => headers[name] !== undefined)
  }

  recall(request: AuthRequest): Consumer | null {
    if (this.#cacheForMs === 0) return null
    const { key } = this.#question(request)
    return key === null ? null : (this.#admitted.get(key) ?? null)
  }

  /** @throws GatehouseError with the service's own answer, or `GW_AUTH_UNAVAILABLE` when there is none */
  async authenticate(request: AuthRequest): Promise<Consumer> {
    const { headers, key } = this.#question(request)
    const since = this.#now()
    const answer = await this.#client.ask(this.#url, { method: 'GET', headers }).catch((error: unknown) => {
      throw authUnavailable(error)
    })
    if (answer.status < 200 || answer.status > 299) throw refusalOf(answer)
    const consumer = this.#consumerOf(answer)
    // one that names nobody was about the circumstances: where these are left out of the key, it would hold for every
    // stranger
    if (key !== null && !request.isExplained && !(this.#byHeaders && consumer.id === ANONYMOUS)) {
      this.#admitted.set(key, consumer, since + this.#cacheForMs)
    }
    return consumer
  }
}
