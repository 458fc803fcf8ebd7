import { hash } from 'node:crypto'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import { authUnavailable } from '../challenge.ts'
import { ExpiringCache } from '../expiring-cache.ts'
import type { IdentityClient, IdentityAnswer } from '../identity-client.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import { ANONYMOUS, type ForwardAuthSettings } from './forward-auth-schema.ts'
import { gatehouseError, type GatehouseError } from '../../errors.ts'

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

/** What the service is told about a request: name, value, name, value. */
export interface ForwardAuthQuestion {
  headers: string[]
  /** What a verdict may be remembered by; null when it may not. */
  key: string | null
}

/** What the service may see of a header. @param name  in lower case */
export type ShownHeader = (
  name: string,
  value: string | string[] | undefined,
  request: AuthRequest,
) => string | string[] | undefined

/** Methods that act on the URL in `Destination` as well (RFC 4918, section 10.3). */
const DESTINED = new Set(['COPY', 'MOVE'])

/**
 * Makes the questions.
 * @param publicTarget  path and query as the routes have read them, from the request's own
 * @param shown         a header as the service may see it; undefined when it may not
 */
export function forwardAuthQuestion(
  settings: Pick<ForwardAuthSettings, 'requestHeaders' | 'cacheBy'>,
  remembers: boolean,
  publicTarget: (url: string) => string,
  shown: ShownHeader,
): (request: AuthRequest) => ForwardAuthQuestion {
  const names = settings.requestHeaders.map((name) => name.toLowerCase())
  const byHeaders = settings.cacheBy === 'headers'

  return (request) => {
    const {
      headers,
      ip,
      protocol,
      raw: { method = 'GET', url = '/' },
    } = request
    const told: string[] = []
    // a service that decides by paths has to know both
    for (const name of DESTINED.has(method) && !names.includes('destination') ? [...names, 'destination'] : names) {
      const value = shown(name, headers[name], request)
      for (const single of value === undefined ? [] : [value].flat()) told.push(name, single)
    }
    // the host is the one by which the route was found, whatever a proxy calls it: another would be judged in its place
    const circumstances = [
      'x-forwarded-method',
      method,
      'x-forwarded-proto',
      protocol === 'https' ? 'https' : 'http',
      'x-forwarded-host',
      headers.host ?? '',
      'x-forwarded-uri',
      publicTarget(url),
      'x-forwarded-for',
      ip,
    ]
    const all = [...circumstances, ...told]
    return { headers: all, key: remembers ? hash('sha256', JSON.stringify(byHeaders ? told : all), 'base64') : null }
  }
}

/** Headers of a refusal that the client gets: those that say what to do next. */
const PASSED_ON = [
  'content-type',
  'content-encoding',
  'content-language',
  'location',
  'retry-after',
  'set-cookie',
  'www-authenticate',
]

/** Compiles who an answer that lets a request in speaks of. */
export function consumerReader({
  identity,
  copyHeaders,
}: Pick<ForwardAuthSettings, 'identity' | 'copyHeaders'>): (answer: IdentityAnswer) => Consumer {
  const copied = copyHeaders.map((name) => name.toLowerCase())
  const { id, groups, scopes } = identity
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
      groups: Object.freeze(list(groupsName, identity.separator)),
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
 * What an answer that does not let a request in becomes: redirects and refusals go to the client as they are. A service
 * that fails has not decided anything, so nobody is let in, and nobody is told how it fails.
 */
export function refusalOf({ status, headers, body }: IdentityAnswer): GatehouseError {
  if (status >= 500) return authUnavailable(new Error(`the forward-auth service answered ${status}`))
  const passed = PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]))
  return gatehouseError(status === 403 ? 'GW_FORBIDDEN' : 'GW_UNAUTHORIZED', {
    detail: `The service that decides has answered ${status}.`,
    answer: { status, headers: Object.fromEntries(passed), body },
  })
}

/** Services write names in UTF-8, whatever HTTP says of it (RFC 9110, section 5.5). */
const asText = (value: string | string[] | undefined): string =>
  Buffer.from([value ?? []].flat().join(','), 'latin1')
    .toString('utf8')
    .trim()
