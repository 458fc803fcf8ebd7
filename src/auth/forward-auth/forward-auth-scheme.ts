import { hash } from 'node:crypto'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { authUnavailable } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import type { IdentityClient, IdentityAnswer } from '../identity-client.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import { ANONYMOUS, type ForwardAuthSettings } from './forward-auth-schema.ts'
import { gatehouseError, type GatehouseError } from '../../errors.ts'

/** What the scheme needs from the gateway. */
export interface ForwardAuthSurroundings {
  url: URL
  client: Pick<IdentityClient, 'ask'>
  /** The path and query that routing uses, for the URL of the request. */
  publicTarget: (url: string) => string
  /** Filters a header for the service. Default: unchanged. */
  shown?: ShownHeader
  /** Whether a method acts on the URL in `Destination` too. */
  hasDestination: (method: string) => boolean
  now?: () => number
}

/**
 * An external service decides about each request: Traefik's ForwardAuth, Caddy's `forward_auth`, nginx's
 * `auth_request`.
 */
export class ForwardAuthScheme implements AuthScheme {
  readonly name = 'forwardAuth'
  /** Requests without credentials too: the service may redirect them to a login page. */
  readonly acceptsAnonymous = true
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
    {
      url,
      client,
      publicTarget,
      hasDestination,
      shown = (_name, value) => value,
      now = Date.now,
    }: ForwardAuthSurroundings,
  ) {
    this.#url = url
    this.#client = client
    this.#now = now
    this.#cacheForMs = milliseconds(settings.cacheFor)
    this.#byHeaders = settings.cacheBy === 'headers'
    this.#admitted = new ExpiringCache(settings.cacheSize, now)
    this.#question = forwardAuthQuestion(settings, this.#cacheForMs > 0, { publicTarget, hasDestination, shown })
    this.#consumerOf = consumerReader(settings)
    this.credentials = {
      headers: settings.withhold.headers.map((name) => name.toLowerCase()),
      cookies: settings.withhold.cookies,
    }
    this.#credentialNames = this.credentials.headers!.filter((name) => name !== 'cookie')
  }

  /** Cookies do not count: browsers send old ones by themselves, which is no attempt to guess. */
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
    // a decision that names no consumer depended on method, URL or address; without these in the key it would let in
    // every anonymous client
    if (key !== null && !request.isExplained && !(this.#byHeaders && consumer.id === ANONYMOUS)) {
      this.#admitted.set(key, consumer, since + this.#cacheForMs)
    }
    return consumer
  }
}

/** The request to the service. Headers: name, value, name, value. */
interface ForwardAuthQuestion {
  headers: string[]
  /** Key for caching the decision; null when it is not cached. */
  key: string | null
}

/** Filters a header for the service; undefined removes it. @param name  in lower case */
type ShownHeader = (
  name: string,
  value: string | string[] | undefined,
  request: AuthRequest,
) => string | string[] | undefined

/**
 * Compiles the request to the service.
 * @param isCached  whether decisions are cached, which takes a key
 */
function forwardAuthQuestion(
  settings: Pick<ForwardAuthSettings, 'requestHeaders' | 'cacheBy'>,
  isCached: boolean,
  { publicTarget, hasDestination, shown }: Omit<Required<ForwardAuthSurroundings>, 'url' | 'client' | 'now'>,
): (request: AuthRequest) => ForwardAuthQuestion {
  const names = settings.requestHeaders.map((name) => name.toLowerCase())
  const byHeaders = settings.cacheBy === 'headers'

  return (request) => {
    const { headers, ip, protocol, raw } = request
    const { method = 'GET', url = '/' } = raw
    const sent: string[] = []
    // COPY and MOVE act on two paths, and the service has to check both
    for (const name of hasDestination(method) && !names.includes('destination') ? [...names, 'destination'] : names) {
      const value = shown(name, headers[name], request)
      for (const single of value === undefined ? [] : [value].flat()) sent.push(name, single)
    }
    // the host that has selected the route: with that of X-Forwarded-Host the service could check another site
    const all = ['x-forwarded-method', method, 'x-forwarded-proto', protocol === 'https' ? 'https' : 'http']
    all.push(
      'x-forwarded-host',
      headers.host ?? '',
      'x-forwarded-uri',
      publicTarget(url),
      'x-forwarded-for',
      ip,
      ...sent,
    )
    return { headers: all, key: isCached ? hash('sha256', JSON.stringify(byHeaders ? sent : all), 'base64') : null }
  }
}

/** Headers of a refusal that are passed on to the client. */
const PASSED_ON = [
  'content-type',
  'content-encoding',
  'content-language',
  'location',
  'retry-after',
  'set-cookie',
  'www-authenticate',
]

/** Compiles the reading of the consumer from a response that lets a request in. */
function consumerReader(settings: ForwardAuthSettings): (answer: IdentityAnswer) => Consumer {
  const copied = settings.copyHeaders.map((name) => name.toLowerCase())
  const { id, groups, scopes, separator } = settings.identity
  const nameOf = (header: string | false): string | null => (header === false ? null : header.toLowerCase())
  const [idName, groupsName, scopesName] = [nameOf(id), nameOf(groups), nameOf(scopes)]
  const claimed = [...new Set([...copied, idName, groupsName, scopesName])].filter((name) => name !== null)

  return ({ headers }) => {
    const text = (name: string | null): string => (name === null ? '' : asText(headers[name]))
    const list = (name: string | null, separator: string): string[] =>
      text(name)
        .split(separator)
        .map((item) => item.trim())
        .filter((item) => item !== '')
    return Object.freeze({
      id: text(idName) || ANONYMOUS,
      scheme: 'forwardAuth' as const,
      scopes: Object.freeze(list(scopesName, ' ')),
      groups: Object.freeze(list(groupsName, separator)),
      claims: Object.freeze(
        Object.fromEntries(claimed.filter((name) => headers[name] !== undefined).map((name) => [name, text(name)])),
      ),
      upstreamHeaders: Object.freeze(
        copied.flatMap((name) => [headers[name] ?? []].flat().flatMap((value) => [name, value])),
      ),
    })
  }
}

/**
 * The error for a response that does not let a request in. Redirects and refusals (3xx, 4xx) are passed on to the
 * client. A failure of the service (5xx) is no decision: it is answered 503, without details.
 */
function refusalOf({ status, headers, body }: IdentityAnswer): GatehouseError {
  if (status >= 500) return authUnavailable(new Error(`the forward-auth service answered ${status}`))
  const passed = PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]))
  return gatehouseError(status === 403 ? 'GW_FORBIDDEN' : 'GW_UNAUTHORIZED', {
    detail: `The service that decides has answered ${status}.`,
    answer: { status, headers: Object.fromEntries(passed), body },
  })
}

/** Services send names in UTF-8, though HTTP headers are not defined as such (RFC 9110, section 5.5). */
const asText = (value: string | string[] | undefined): string =>
  Buffer.from([value ?? []].flat().join(','), 'latin1')
    .toString('utf8')
    .trim()
